"""The archive: spool, drain, database, objects, search. Imports none of the other Postbuch packages."""
