"""The command `gelombang`: one thin module for each subcommand, and the local stack."""
