"""How it runs: user, processes, health, ports, orchestration."""
