"""The RESO tables: merging, history, open houses."""
