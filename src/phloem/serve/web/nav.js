// Links to the pages that this server has: search needs an index to have been given.

import { get } from "./asking.js";

try {
  const pages = await get("api/pages");
  for (const link of document.querySelectorAll("[data-page]")) link.hidden = !pages[link.dataset.page];
} catch {
  // the page itself says that the server does not answer
}
