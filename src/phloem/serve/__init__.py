"""The local web page and its JSON API (extra `serve`): `phloem.serve.api.run`."""
