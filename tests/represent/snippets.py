"""Random functions of Python and Java that parse, for comparing extractors."""

from hypothesis import strategies as st

names = st.sampled_from(["a", "b2", "fooBar", "get_name", "_x", "HTTPServer", "self", "été", "run"])
literals = st.sampled_from(["0", "1", "32", "17", "0x1F", "2.5", "'some text'", '"get_name"', '"run"', "'...'", '""'])


def _python_expressions(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.flatmap(
            lambda p: st.sampled_from(["+", "|", "and", "<", "not in", "is not"]).map(lambda o: f"({p[0]} {o} {p[1]})")
        ),
        st.tuples(inner, names).map(lambda p: f"({p[0]}).{p[1]}"),
        st.tuples(names, st.lists(inner, max_size=4)).map(lambda p: f"{p[0]}({', '.join(p[1])})"),
        st.tuples(names, names, inner).map(lambda p: f"{p[0]}({p[1]}={p[2]})"),
        st.lists(inner, max_size=5).map(lambda p: f"[{', '.join(p)}]"),
        inner.map(lambda p: f"-{p}"),
        inner.map(lambda p: f"(not {p})"),
        names.map(lambda n: f'f"text {{{n}}} more"'),
    )


python_expressions = st.recursive(st.one_of(names, literals), _python_expressions, max_leaves=12)


def _block(lines):
    return "\n".join("    " + line for part in lines for line in part.split("\n"))


def _python_statements(inner):
    body = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(python_expressions, body).map(lambda p: f"if {p[0]}:\n{_block(p[1])}"),
        st.tuples(names, python_expressions, body).map(lambda p: f"for {p[0]} in {p[1]}:\n{_block(p[2])}"),
        st.tuples(names, names, body).map(lambda p: f"def {p[0]}({p[1]}):\n    'Inner.'\n{_block(p[2])}"),
        body.map(lambda p: f"try:\n{_block(p)}\nexcept Error as e:\n    raise"),
    )


python_simple = st.one_of(
    st.sampled_from(["pass", "return", "# comment", "import a.b as c", "global fooBar", "del a", "yield"]),
    st.tuples(names, python_expressions).map(" = ".join),
    st.tuples(names, python_expressions).map(" |= ".join),
    python_expressions,
    python_expressions.map("return ".__add__),
)
python_statements = st.recursive(python_simple, _python_statements, max_leaves=8)
python_functions = st.tuples(
    names, st.lists(names, max_size=4, unique=True), st.booleans(), st.lists(python_statements, min_size=1, max_size=4)
).map(
    lambda p: (
        f"def {p[0]}({', '.join(p[1])}):\n" + ("    '''About get_name.'''\n" if p[2] else "") + _block(["pass", *p[3]])
    )
)


def _java_expressions(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.flatmap(lambda p: st.sampled_from(["+", "||", "<", ">>>", "=="]).map(lambda o: f"({p[0]}) {o} ({p[1]})")),
        st.tuples(inner, names).map(lambda p: f"({p[0]}).{p[1]}"),
        st.tuples(names, st.lists(inner, max_size=4)).map(lambda p: f"{p[0]}({', '.join(p[1])})"),
        st.tuples(inner, names, inner).map(lambda p: f"({p[0]}).{p[1]}({p[2]})"),
        pair.map(lambda p: f"a[{p[0]}] = ({p[1]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]}) ? ({p[1]}) : ({p[2]})"),
        inner.map(lambda p: f"!({p})"),
        inner.map(lambda p: f"new Foo<Integer>({p})"),
        inner.map(lambda p: f"x -> ({p})"),
        st.sampled_from(["i++", "--j", "new int[3][]", "String[]::new", "(int[]) z", "this.x", "int[].class", "A.B.c"]),
    )


java_names = names.filter(lambda n: n != "self")
java_literals = st.sampled_from(["0", "17", "2.5", '"some text"', "'c'", "null", "true", "1L", '""'])
java_expressions = st.recursive(st.one_of(java_names, java_literals), _java_expressions, max_leaves=10)


def _java_statements(inner):
    body = st.lists(inner, max_size=3).map(lambda p: "{\n" + "\n".join(p) + "\n}")
    return st.one_of(
        st.tuples(java_expressions, body, body).map(lambda p: f"if ({p[0]}) {p[1]} else {p[2]}"),
        st.tuples(java_expressions, body).map(lambda p: f"while ({p[0]}) {p[1]}"),
        st.tuples(java_expressions, body).map(lambda p: f"for (int[] q : {p[0]}) {p[1]}"),
        st.tuples(body, body).map(lambda p: f"try {p[0]} catch (A | B e) {p[1]}"),
        body.map(lambda p: f"new Foo() {{ @X public int run(int k) {p} }};"),
    )


java_simple = st.one_of(
    st.sampled_from(["return;", ";", "// comment", "break; // at the end", "call(a, // first\n b);", "int[] q, r;"]),
    st.tuples(java_names, java_expressions).map(lambda p: f"int {p[0]} = {p[1]};"),
    st.tuples(java_names, java_expressions).map(lambda p: f"final String[] {p[0]} = {p[1]}; // note"),
    java_expressions.map(lambda p: f"f({p});"),
    java_expressions.map(lambda p: f"return {p};"),
)
java_statements = st.recursive(java_simple, _java_statements, max_leaves=8)
java_functions = st.tuples(java_names, st.integers(0, 3), st.lists(java_statements, max_size=4)).map(
    lambda p: (
        f"class A {{ public int {p[0]}({', '.join(f'int[] p{i}' for i in range(p[1]))}) {{\n"
        + "\n".join(p[2])
        + "\n} }"
    )
)
