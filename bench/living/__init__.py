"""The parts of `bench live`: a crowd of subscribers, a writer, and a bare broadcast to compare with."""
