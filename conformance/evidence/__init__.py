"""What is kept of an exchange: masked and bounded, with a curl command, archived for judging again."""
