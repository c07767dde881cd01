"""(Project, Lock, Base facts, Target, Policy) → Plan. Pure: no I/O, no clock, no environment."""
