"""What a code change changes: a service of one page over everything the lock brings."""
