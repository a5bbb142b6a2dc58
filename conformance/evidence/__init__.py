"""The record of each exchange: masked and bounded, with a curl command, archived so that it can be judged again."""
