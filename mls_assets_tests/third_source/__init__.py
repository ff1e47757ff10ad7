"""A made-up RESO Web API in the tests' folder: a source with a dialect and a paging of its own."""
