"""Where the weights of ImageNet come from, and the hashes of their files, as Keras 2.3.1 asks for them."""

from .. import utils

_CHOLLET = "https://github.com/fchollet/deep-learning-models/releases/download/"
_KERAS = "https://github.com/keras-team/keras-applications/releases/download/"
_NASNET = "https://github.com/titu1994/Keras-NASNet/releases/download/v1.2/NASNet-"
_MOBILENET = _CHOLLET + "v0.6/mobilenet_{alpha}_{rows}_tf{no_top}.h5"
_MOBILENET_V2 = (
    "https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases/download/v1.1/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{rows}{no_top}.h5"
)
# model -> (where its two files are, MD5 of the one with the classifier, MD5 of the one without)
_FILES = {
    "vgg16": (_CHOLLET + "v0.1/", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": (_CHOLLET + "v0.1/", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    "resnet50": (_CHOLLET + "v0.2/", "a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af"),
    "xception": (_CHOLLET + "v0.4/", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
    "inception_v3": (_CHOLLET + "v0.5/", "9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
    "inception_resnet_v2": (
        _CHOLLET + "v0.7/", "e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4",
    ),
    "resnet50_blocks": (
        _KERAS + "resnet/", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "resnet101": (_KERAS + "resnet/", "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": (_KERAS + "resnet/", "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": (_KERAS + "resnet/", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": (_KERAS + "resnet/", "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": (_KERAS + "resnet/", "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    "densenet121": (_KERAS + "densenet/", "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    "densenet169": (_KERAS + "densenet/", "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    "densenet201": (_KERAS + "densenet/", "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    "nasnet_mobile": (_NASNET + "mobile", "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    "nasnet_large": (_NASNET + "large", "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
}  # fmt: skip
CLASSES = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)


def source(model, include_top):
    """(name of the file, address, MD5) of the weights of `model`."""
    where, *hashes = _FILES[model]
    if model.startswith("nasnet"):
        name = f"{model}{'' if include_top else '_no_top'}.h5"
        return name, where + ("" if include_top else "-no-top") + ".h5", hashes[not include_top]
    name = f"{model}_weights_tf_dim_ordering_tf_kernels{'' if include_top else '_notop'}.h5"
    # Keras 2 keeps two files by the name of resnet50, of which each puts out the other; here they have two names
    return name, where + name.replace("_blocks", ""), hashes[not include_top]


def mobilenet_source(version, alpha, rows, include_top):
    """(name of the file, address, None) for MobileNets, of whose files Keras 2 knew no hashes."""
    pattern = _MOBILENET if version == 1 else _MOBILENET_V2
    written = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[alpha] if version == 1 else str(float(alpha))
    origin = pattern.format(alpha=written, rows=rows, no_top="" if include_top else "_no_top")
    return origin.rsplit("/", 1)[1], origin, None


def fetched(name, origin, file_hash):
    """The path of the file in the cache, fetched if it is not there."""
    return utils.get_file(name, origin, cache_subdir="models", file_hash=file_hash)
