from kcore.testing.conformance import EngineConformance


class TestNumpy(EngineConformance):
    engine = "numpy"
