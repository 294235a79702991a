"""Where the data sets come from, and the hashes of their files."""

_TEXTS = "https://s3.amazonaws.com/text-datasets/"
_FASHION = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
# name -> (address, hash): addresses and hashes are Keras 2.3.1's. It asked for none of CIFAR (these are the sha256 of
# the archives whose MD5 stands on the page of CIFAR) nor of Fashion-MNIST, which it fetched over plain http (these are
# the MD5 in its authors' repository, from which it is fetched here).
SOURCES = {
    "boston_housing.npz": (
        "https://s3.amazonaws.com/keras-datasets/boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    ),
    "cifar-10-batches-py": (
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar-100-python": (
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
    "imdb.npz": (_TEXTS + "imdb.npz", "599dadb1135973df5b59232a0e9a887c"),
    "imdb_word_index.json": (_TEXTS + "imdb_word_index.json", "bfafd718b763782e994055a2d397834f"),
    "mnist.npz": ("https://s3.amazonaws.com/img-datasets/mnist.npz", "8a61469f7ea1b51cbae51d4f78837e45"),
    "reuters.npz": (_TEXTS + "reuters.npz", "87aedbeb0cb229e378797a632c1997b6"),
    "reuters_word_index.json": (_TEXTS + "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"),
    "train-images-idx3-ubyte.gz": (
        _FASHION + "train-images-idx3-ubyte.gz",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    "train-labels-idx1-ubyte.gz": (
        _FASHION + "train-labels-idx1-ubyte.gz",
        "25c81989df183df01b3e8a0aad5dffbe",
    ),
    "t10k-images-idx3-ubyte.gz": (_FASHION + "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
    "t10k-labels-idx1-ubyte.gz": (_FASHION + "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
}


def source(name):
    """What `get_file` is told about the file `name`: its address and hash."""
    origin, file_hash = SOURCES[name]
    return {"origin": origin, "file_hash": file_hash}
