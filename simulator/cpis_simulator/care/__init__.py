"""The bundled care-setting system as a state machine."""
