from gsm8k_beside import is_masked

STAGES = {
    "mask": {"kind": "localise", "inputs": {}},
    "drawn": {"kind": "random", "inputs": {"circuit": "mask"}},
    "masked": {"kind": "amplify", "inputs": {"circuit": "mask"}},
    "at-random": {"kind": "amplify", "inputs": {"circuit": "drawn"}},
    "all": {"kind": "amplify", "inputs": {}},
    "lora": {"kind": "tune", "inputs": {}},
    "solves": {"kind": "solve", "inputs": {"model": "masked"}},
}


def test_only_updates_of_learned_masks_are_asked():
    assert [name for name, stage in STAGES.items() if is_masked(stage, STAGES)] == ["masked"]
