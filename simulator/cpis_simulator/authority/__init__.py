"""The bundled local-authority system as a state machine."""
