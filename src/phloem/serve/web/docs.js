// /openapi.json as a page, with a form to try each operation. Everything is local.

import { byId, el } from "./dom.js";

let schemas = {};

const nameOf = (schema) => schema.$ref?.split("/").at(-1);

function typeOf(schema) {
  if (!schema || !Object.keys(schema).length) return "anything";
  if (schema.$ref) return el("a", { href: `#schema-${nameOf(schema)}` }, nameOf(schema));
  if (schema.anyOf) return schema.anyOf.flatMap((one, i) => [i ? " or " : "", typeOf(one)].flat());
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.type === "array") return ["list of ", typeOf(schema.items)].flat();
  const limits = [
    schema.minimum !== undefined || schema.maximum !== undefined ? `${schema.minimum ?? ""}–${schema.maximum ?? ""}` : "",
    schema.maxLength !== undefined ? `at most ${schema.maxLength} characters` : "",
  ].filter(Boolean);
  return schema.type + (limits.length ? ` (${limits.join(", ")})` : "");
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  return el("div", { class: "table" }, el("table", {},
    el("thead", {}, el("tr", {}, ["Field", "Type", "What"].map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, Object.entries(schema.properties ?? {}).map(([name, field]) =>
      el("tr", {},
        el("td", {}, el("code", {}, name), required.has(name) ? el("span", { class: "needed" }, " required") : null),
        el("td", {}, typeOf(field)),
        el("td", {}, field.description ?? "", field.default !== undefined && field.default !== null ? ` Default: ${JSON.stringify(field.default)}.` : ""))))));
}

function form(path, method, body) {
  const example = body && (schemas[nameOf(body)]?.example ?? {});
  const area = body ? el("textarea", { "aria-label": `Body of ${method} ${path}`, rows: 7, spellcheck: "false" }) : null;
  if (area) area.value = JSON.stringify(example, null, 2);
  const output = el("pre", { class: "output", tabindex: 0, "aria-label": "Answer", hidden: true });
  const send = async () => {
    output.hidden = false;
    output.textContent = "…";
    try {
      const response = await fetch(path.slice(1), {
        method: method.toUpperCase(),
        ...(area ? { headers: { "content-type": "application/json" }, body: area.value } : {}),
      });
      const text = await response.text();
      output.textContent = `${response.status} ${response.statusText}\n\n${JSON.stringify(JSON.parse(text), null, 1)}`;
    } catch (error) {
      output.textContent = String(error);
    }
  };
  return el("div", { class: "try" }, area, el("button", { type: "button", onclick: send }, "Send"), output);
}

function curl(path, method, body) {
  const base = new URL(path.slice(1), document.baseURI);
  if (!body) return `curl ${base}`;
  const example = JSON.stringify(schemas[nameOf(body)]?.example ?? {}).replaceAll("'", "'\\''");
  return `curl ${base} -H 'content-type: application/json' \\\n  -d '${example}'`;
}

function operation(path, method, about) {
  const body = about.requestBody?.content["application/json"]?.schema;
  return el("section", { class: "panel operation", "aria-label": `${method.toUpperCase()} ${path}` },
    el("h2", {}, el("span", { class: "method" }, method.toUpperCase()), " ", el("code", {}, path)),
    el("p", {}, about.description ?? about.summary),
    el("pre", { class: "curl", tabindex: 0, "aria-label": "Command line" }, curl(path, method, body)),
    body ? el("p", {}, "Takes ", typeOf(body)) : null,
    el("dl", { class: "responses" }, Object.entries(about.responses).flatMap(([status, response]) => [
      el("dt", {}, status),
      el("dd", {}, `${response.description.replace("Successful Response", "Answered")}: `, response.content?.["application/json"] ? typeOf(response.content["application/json"].schema) : null),
    ])),
    form(path, method, body));
}

async function start() {
  const api = await (await fetch("openapi.json")).json();
  schemas = api.components?.schemas ?? {};
  byId("summary").textContent = `${api.info.summary} Version ${api.info.version}.`;
  const wanted = Object.entries(schemas).filter(([name]) => !/^(HTTP)?ValidationError$/.test(name));
  byId("reference").append(
    ...Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => operation(path, method, about))),
    ...wanted.map(([name, schema]) =>
      el("section", { class: "panel", id: `schema-${name}`, "aria-label": name },
        el("h2", {}, el("code", {}, name)), el("p", {}, schema.description ?? ""), fields(schema))));
}

start();
