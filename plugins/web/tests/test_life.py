from __future__ import annotations
def test_it(start_server):
    s = start_server()
    print(s.get("/api/process"), s.process.pid)
    assert s.stop() == 0
    assert 0, s.stderr
