"""A run records itself: what went in, what came out, and how, as signed SLSA provenance.

`dbom run` is the wrapper around a command. Inside Python, `dbom.capture.recording.record` is a context manager:

    with record(inputs=["data/"], outputs=["model/"], signer=signer) as recording:
        train()
    print(recording.result)
"""
