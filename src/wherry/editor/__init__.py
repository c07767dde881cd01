"""`wherry check` inside an editor: a language server. It judges what is written, and writes nothing."""
