"""One line for each task and variant: arguments, golden hash, and a space in which samples repeat."""

import inspect
from dataclasses import dataclass, field

import harness.tasks

SIZES = {"n_train": 64, "n_val": 16, "n_test": 32, "seed": 1}


@dataclass(frozen=True)
class Case:
    """A call of a task function.

    Attributes:
        function: name in `harness.tasks`.
        arguments: added to those of `SIZES` that the function takes.
        golden: fingerprint of the task.
        small: arguments of a task with few different samples, to test that splits are disjoint.
        disjoint: whether the docstring promises that no two splits share a sample.
    """

    function: str
    arguments: dict = field(default_factory=dict)
    golden: str = ""
    small: dict | None = None
    disjoint: bool = True

    def all_arguments(self, folder=None, **changes):
        """Arguments of the call; `folder` replaces `data_dir`, and is the folder of `path`."""
        parameters = inspect.signature(getattr(harness.tasks, self.function)).parameters
        arguments = {name: value for name, value in SIZES.items() if name in parameters} | self.arguments
        if "data_dir" in parameters and self.function != "load_mnist":
            arguments["data_dir"] = folder
        if "path" in arguments:
            arguments["path"] = folder / arguments["path"]
        return arguments | changes

    def make(self, folder=None, **changes):
        """The task."""
        return getattr(harness.tasks, self.function)(**self.all_arguments(folder, **changes))


CASES = {
    "adding-half": Case(
        "make_adding",
        {"seq_len": 20},
        "7547e75f133ecef511d42d045473032758cc07ed058fff4fe72092cf6aec941a",
        {"seq_len": 2},
    ),
    "adding-any": Case(
        "make_adding",
        {"seq_len": 20, "variant": "any"},
        "eae7874ff7971e5ae2b5debcb749af8a543e0072edfbccdd4e946154bf2058c1",
        {"seq_len": 2, "variant": "any"},
    ),
    "adding-hs97": Case(
        "make_adding",
        {"seq_len": 20, "variant": "hs97"},
        "5b6672ef8e091349908e2c86590c0eccb2aa0069539e0a1306e841f99fb80218",
        {"seq_len": 11, "variant": "hs97"},
    ),
    "arrays": Case(
        "load_arrays",
        {"path": "arrays.npz"},
        "b0a55fe2c1e2c29128155b3844c304012593f7efa126ef33af7188c9bc1acb26",
    ),
    "associative_recall-single": Case(
        "make_associative_recall",
        {"seq_len": 20},
        "3d0a14edbba1a8472e76d16e42659e4b21564409342ffa443cd45cbc2f999fa3",
        {"seq_len": 5, "num_pairs": 1, "num_keys": 20, "num_values": 20},
    ),
    "associative_recall-mqar": Case(
        "make_associative_recall",
        {"seq_len": 30, "variant": "mqar"},
        "5f67f6089fb3112e5ea437c9078ce3034422ae13201a535acb2b3161b1c0a3a6",
        {"seq_len": 6, "variant": "mqar", "num_pairs": 2, "num_keys": 4, "num_values": 3},
    ),
    "bracket_matching-valid-1": Case(
        "make_bracket_matching",
        {"seq_len": 40, "num_types": 1},
        "033737fc16dc4d7ab44f39163cc081037e928442dba0a6929de5037dce3f96f1",
        {"seq_len": 20, "num_types": 1, "max_depth": 4},
    ),
    "bracket_matching-valid-2": Case(
        "make_bracket_matching",
        {"seq_len": 40},
        "15350e041fc98ad86a30a51a6a63d0c252524573330a616fc7494f608ec9702e",
        {"seq_len": 12, "max_depth": 2},
    ),
    "bracket_matching-depth": Case(
        "make_bracket_matching",
        {"seq_len": 40, "variant": "depth"},
        "6d957391852e3234d374045c1e246c527543d7718cda4f278cc2886c0e811233",
        {"seq_len": 14, "max_depth": 4, "variant": "depth"},
    ),
    "cifar10-rows": Case(
        "load_cifar10", {"n_train": 30}, "38cd2effb6c6662476e5e7c39d2b9c52c74be46a0165ead6dd651bec24483c46"
    ),
    "cifar10-grey": Case(
        "load_cifar10",
        {"n_train": 30, "variant": "grey"},
        "a40fabf7bc1cf4605f7308281538372b6806b747d1904f630715a7765ed2ab2f",
    ),
    "cifar10-colour": Case(
        "load_cifar10",
        {"n_train": 30, "variant": "colour"},
        "f8d1561cc26af72a67078efb231aaf8dc89c7739dd372beaaf3a3fcb4432663b",
    ),
    "cifar10-noisy_rows": Case(
        "load_cifar10",
        {"n_train": 30, "variant": "noisy_rows", "seq_len": 40},
        "9b618ecd618fa053c6c403c56d30cb8a0db2c490d0117ccd96cccd6f47c64dd6",
    ),
    "copy_memory-all_steps": Case(
        "make_copy_memory",
        {"seq_len": 30},
        "2676e3da72d5fdda638a964d6da6cfbab602bc908f56ead8622188a203db9914",
        {"seq_len": 21},
    ),
    "copy_memory-last_steps": Case(
        "make_copy_memory",
        {"seq_len": 30, "variant": "last_steps"},
        "d22b63c88d9b32b3dd601cec783b81cb3af284ffbabce21a6d70a9907c83aea1",
        {"seq_len": 21, "variant": "last_steps"},
    ),
    "csv": Case(
        "load_csv", {"path": "csv.csv"}, "9a9549fc430a49a00defdf4919d494bbc2d791a8e1449770aa0ed062353b462f"
    ),
    "delayed_recall-separate": Case(
        "make_delayed_recall",
        {"seq_len": 20},
        "87937574edba192eb5d3213ea21f7ad9371d4f800510d527f1535afdd0894879",
        {"seq_len": 5, "num_classes": 4},
    ),
    "delayed_recall-shared": Case(
        "make_delayed_recall",
        {"seq_len": 20, "variant": "shared"},
        "aad756cdb93dfd00b22df196404bc2bf9035000429265474a0384c528509daa8",
        {"seq_len": 9, "num_classes": 2, "variant": "shared"},
    ),
    "embedded_reber-fixed": Case(
        "make_embedded_reber",
        {"seq_len": 50, "variant": "fixed"},
        "08353de71df6ad36d48e1f29ab429d4ca1d53d5db6935beece94ce830ecc5a00",
        {"seq_len": 19, "variant": "fixed"},
    ),
    "embedded_reber-variable": Case(
        "make_embedded_reber",
        {"seq_len": 20},
        "dcd329a6655599bd355f467db2cf3cf9bbe5de3b5cc96f1abe98de8a8e749e11",
        disjoint=False,
    ),
    "fashion_mnist": Case(
        "load_fashion_mnist",
        {"seq_len": 56, "permutation": "bit_reversal"},
        "59515e97ef3f014f8fdd7ec0aaaee349b50e304897d6f2b70075033ab438b8d3",
    ),
    "idx": Case(
        "load_idx",
        {"path": "idx", "n_train": 60},
        "5147aff4f248f476a7fd63a3f66760dbe61b5f71579df92d88df9d07efead189",
    ),
    "listops": Case(
        "make_listops",
        {"seq_len": 60},
        "385eb0e89c2313d87b557974d6be4e2ab86d3b4bcdcfd7a03f9b8d04713bc369",
        {"seq_len": 6, "min_len": 4},
    ),
    "listops-many-short": Case(
        "make_listops",
        {"seq_len": 30, "min_len": 4, "max_args": 4},
        "896a3caa618bfe313bf1756b57760af1aa191f621a901f77e36a4c27b1a8e4a5",
        {"seq_len": 60, "min_len": 4},
    ),
    "majority-4": Case(
        "make_majority",
        {"seq_len": 20},
        "35e01bbbfafce9b6c989af44d2ae50bc0b7d1647ac5384fbe95047688cc04493",
        {"seq_len": 9, "num_classes": 2},
    ),
    "majority-2": Case(
        "make_majority",
        {"seq_len": 15, "num_classes": 2},
        "ca000e27278397208386dead570fb70f296e248a4812fe692261329173e77ccc",
        {"seq_len": 7, "num_classes": 3},
    ),
    "mnist": Case(
        "load_mnist",
        {"seq_len": 56, "n_train": 200, "seed": 3},
        "c790ede3bcf9feed73b70ba8cea676ff1eeb8f5f7566ad918d3a131fc6daf6ee",
    ),
    "modular_sum-5": Case(
        "make_modular_sum",
        {"seq_len": 20},
        "d1b84ec40c39cd88e75dbff023fe53a37d28d334c001960b956e4c6c10a9c21d",
        {"seq_len": 4},
    ),
    "modular_sum-3": Case(
        "make_modular_sum",
        {"seq_len": 50, "modulus": 3},
        "a0e05a3fb918c9270bdb73cd4dc04c703df87ef45a111430b2eb2007c34a4a0f",
        {"seq_len": 6, "modulus": 3},
    ),
    "next_char-bundled": Case(
        "load_next_char",
        {"seq_len": 30},
        "643ead171f8e7f53f6d5d39935ed50fd2f95453dd59d0de64969bd2d75f930bc",
        disjoint=False,
    ),
    "next_char-every_step": Case(
        "load_next_char",
        {"seq_len": 30, "labels": "every_step", "n_train": 64, "n_val": 16, "n_test": 32, "seed": 1},
        "454591a98ad03773b46e5be1066afef371092ab0c05021b8f5457c09b8b3c23f",
        disjoint=False,
    ),
    "noisy_tones-frequency": Case(
        "make_noisy_tones",
        {"seq_len": 20, "snr_db": 3},
        "12ab01b39302e9e112888d1743eeabb081ef700e077d265ce8977a7d963cc85c",
        {"seq_len": 5, "num_classes": 2, "cycles": 1, "snr_db": 60},
    ),
    "noisy_tones-phase": Case(
        "make_noisy_tones",
        {"seq_len": 20, "variant": "phase", "snr_db": 3},
        "e0d643c60ac56adef28b99cfe534f1ec5a6d0acf579c31a7d3eeb993035fd8e3",
        {"seq_len": 3, "cycles": 1, "variant": "phase", "snr_db": 60},
    ),
    "parity": Case(
        "make_parity",
        {"seq_len": 20},
        "b6011f1d5f77db241b209ad7d2117b3e753b05464d5fb76e3a718013f39dc321",
        {"seq_len": 10},
    ),
    "selective_copy": Case(
        "make_selective_copy",
        {"seq_len": 40},
        "31908f3f70ba445eb2dcb922a44714b4cd20ffa8cf1029e9abb7b1a2507f054b",
        {"seq_len": 10, "num_copied": 2, "num_symbols": 4},
    ),
    "sine_frequency-8": Case(
        "make_sine_frequency",
        {"seq_len": 20},
        "e33e9c8b634bd0260c2a8af6cc693bfd415314539ba0c81d64e1a0cce99a7a07",
        {"seq_len": 5, "num_classes": 2},
    ),
    "sine_frequency-3": Case(
        "make_sine_frequency",
        {"seq_len": 50, "num_classes": 3},
        "5c07e75e7eb2ece9d5be2e3fed4a818234b6f23f70a7e551df0f917d5d6fa07e",
        {"seq_len": 7, "num_classes": 3},
    ),
    "temporal_order-6a": Case(
        "make_temporal_order",
        {"seq_len": 20},
        "31e4acaa393b2a146a8d4fe6fac50cf7a26e53ebae7e6761a970d59350638d3c",
        {"seq_len": 10},
    ),
    "temporal_order-6b": Case(
        "make_temporal_order",
        {"seq_len": 20, "variant": "6b-fractions"},
        "d5c3bb83ad8592a90bd350735220580b64843418c910422f218012e0f8355d40",
        {"seq_len": 10, "variant": "6b-fractions"},
    ),
    "text": Case(
        "load_text",
        {"path": "numbers.tsv", "name": "text"},
        "821b043595f612cb06466f41d4cbf3f4ab3b3d6371e2348b9b149756c6035712",
    ),
    "timeseries": Case(
        "load_timeseries",
        {"name": "Toy"},
        "493ed3213e27320e98a3af844c2443eaef7b7e661e9dd16d3ce1a689bf123c88",
        disjoint=False,
    ),
    "two_sequence-1": Case(
        "make_two_sequence",
        {"seq_len": 20, "signal_len": 1},
        "96893c74bca9c0e68635f9573ec2617e90dad7a157efa9e1ad259484fe2102b6",
        {"seq_len": 2, "signal_len": 1},
    ),
    "two_sequence-3": Case(
        "make_two_sequence",
        {"seq_len": 20},
        "82bfe3e8aff0c30a0d6e5da44d98e8d991ac4d8bb99d09336a7f8068442a3dbb",
        {"seq_len": 4},
    ),
}

GOLDEN_ONLY = {
    "cifar10-noisy_rows-1000": Case(
        "load_cifar10",
        {"n_train": 30, "variant": "noisy_rows"},
        "0a8b347cc03ee651d7afb5a43f06a09c9d62c2edb62b0163931b596539170cbc",
    ),
    "mnist-bit_reversal": Case(
        "load_mnist",
        {"seq_len": 56, "n_train": 200, "seed": 3, "permutation": "bit_reversal"},
        "e49fd41b089228b194d71c778d4a68f4aa7b669d218888fd600ef4af65194669",
    ),
    "mnist-permuted": Case(
        "load_mnist",
        {"seq_len": 56, "n_train": 200, "seed": 3, "permutation": 92916},
        "17a7f19523762bb7701a1e40a6581f54af900d0fa5947838e96c091f184c6063",
    ),
    "next_char-file": Case(
        "load_next_char",
        {"seq_len": 5, "path": "abra.txt", "n_train": 50, "n_val": None, "n_test": None, "seed": 2},
        "f732459ec04d1ed10d2139a49bc566d23ca88a0f972974bbd8406d9c6331313b",
    ),
    "timeseries-raw": Case(
        "load_timeseries",
        {"name": "Toy", "normalize": False},
        "d36b763c4af362b7ede4b7900c2215ece2a4d906ae100bfd8b2573ffc8be1545",
    ),
    "JapaneseVowels": Case(
        "load_timeseries", {}, "e114e48876548b5b3fff69b2c60bf22873e14571fb215681d687e6fa4f655368"
    ),
    "JapaneseVowels-raw": Case(
        "load_timeseries",
        {"normalize": False},
        "8770c0c65d5b9537128f010c9c3998321c6522fee8534fcba31b17e754ea2f2f",
    ),
    "BasicMotions": Case(
        "load_timeseries",
        {"name": "BasicMotions"},
        "66f0ee3df4cb2db8a0bca8f263221f36a453b55891831f71c80015d8f0b6a750",
    ),
    "GunPoint": Case(
        "load_timeseries",
        {"name": "GunPoint"},
        "d9382ac8029a0b31190c0dca3a264eb6b7d8cdd394003bfd56efecb64ea24025",
    ),
}
PUBLISHED_FASHION_MNIST = "9e980334a1f493607879850ec94db31aea10b2c95783e34d2fb1435fc80b266a"
"""Golden hash of the published set, which is tested where Debian's package is installed."""

FUNCTIONS = sorted(name for name in harness.tasks.__all__ if name.startswith(("make_", "load_")))
CASES |= {
    name: Case(name) for name in FUNCTIONS if name not in {case.function for case in CASES.values()}
}  # a new task is tested even before its line is added
