"""The half of the emulator that stands in for Planday: identity host, REST APIs and web pages."""
