"""Gherkin steps by flow, the pytest plugin, the recorder and the runner."""
