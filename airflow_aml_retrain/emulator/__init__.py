"""The other side: Azure ML Studio (classic) emulated over blob storage, really training."""
