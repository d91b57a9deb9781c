"""The accreditation suite: feature files by flow."""
