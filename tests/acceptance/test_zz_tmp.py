from tests.acceptance.test_sham_products import *


def test_x(stand, whole_run):
    sham = Replay(stand.drop, read_bundle(whole_run.folder))
    p = stand.play_sham(sham, "--seed", SEED)
    print(p.results.summary, p.exit_code)
    print(shown(p))
    assert 0
