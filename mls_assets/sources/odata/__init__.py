"""The RESO Web API (OData) as iterators of pages."""
