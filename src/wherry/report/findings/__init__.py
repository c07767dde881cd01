"""What `wherry check` found, in the forms that people and programs read: one module a form."""
