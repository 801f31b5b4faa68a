"""The certificate authority of the installation, server certificates, and whom we trust upstream."""
