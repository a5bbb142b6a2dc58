"""The contract as data: clauses, operations, schemas, and how values are read, validated and compared."""
