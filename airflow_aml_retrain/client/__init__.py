"""How it is said: transports, keys and hosts, blob storage, and the champion that lies there."""
