"""For authors of plug-ins: the conformance kit.

`kcore check ENGINE` prints a report; a test file inherits the same checks:

    from kcore.testing.conformance import EngineConformance

    class TestMyEngine(EngineConformance):
        engine = "my-engine"
"""
