"""What stands between the network and the lab: hosts, origins, headers, sign-in."""
