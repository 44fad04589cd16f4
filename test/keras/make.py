"""Writes test/keras/files: small models with random weights, as Keras saves them, and what Keras computes with them.

python3 -m pip install keras tensorflow-cpu && python3 test/keras/make.py

The files here were written by Keras 3.15.1 with TensorFlow 2.21 and h5py 3.14.
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy as np
from keras import layers

files = pathlib.Path(__file__).parent / "files"
random = np.random.default_rng(1)


def randomised(model):
    """All weights at random; variances are positive."""
    for variable in model.weights:
        if "seed_generator" in variable.path:
            continue
        values = random.normal(size=variable.shape) * 0.5
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.path else values)
    return model


def saved(model, name):
    model.save_weights(files / f"{name}.weights.h5")
    model.save(files / f"{name}.h5")
    model.compile("adam", "mse", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    model.save(files / f"{name}.keras")


def results(model, x):
    return {"x": np.ravel(x).tolist(), "shape": list(x.shape), "y": np.ravel(model.predict(x, verbose=0)).tolist()}


images = randomised(
    keras.Sequential(
        [
            layers.Input((9, 8, 2)),
            layers.Conv2D(4, (3, 2), activation="relu", name="first"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.BatchNormalization(scale=False, name="shifted"),
            layers.SeparableConv2D(5, 2, strides=2, padding="same"),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(4, activation="softmax"),
        ],
        name="images",
    )
)
saved(images, "images")

sequences = randomised(
    keras.Sequential(
        [
            layers.Input((6,), dtype="int32"),
            layers.Embedding(10, 4),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True, dropout=0.5)),
            layers.LayerNormalization(),
            layers.GRU(5, return_sequences=True),
            layers.Conv1D(4, 2),
            layers.SimpleRNN(2),
            keras.Sequential(
                [layers.Dense(3, activation="tanh", name="first"), layers.Dense(2, use_bias=False, name="second")],
                name="head",
            ),
        ],
        name="sequences",
    )
)
saved(sequences, "sequences")


class Own(keras.Model):
    """A class of one's own: its layers are attributes."""

    def __init__(self):
        super().__init__()
        self.scale = layers.Normalization()
        self.scale.adapt(random.normal(size=(5, 2)))
        self.body = keras.Sequential([layers.Dense(3, name="inner"), layers.BatchNormalization(name="norm")])
        self.last = layers.Dense(2, name="dense_7")
        self.first = layers.Dense(2, name="called_otherwise")
        self.recurrent = layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)])
        self.factor = self.add_weight(shape=(1,), name="factor")

    def call(self, x):
        x = self.last(self.body(self.first(self.scale(x))))
        return self.recurrent(x[:, None]) * self.factor


own = Own()
own(np.zeros((1, 2)))
randomised(own)
own.save_weights(files / "own.weights.h5")

expected = {
    "images": results(images, random.normal(size=(2, 9, 8, 2)).astype("float32")),
    "sequences": results(sequences, random.integers(0, 10, size=(3, 6))),
}
(files / "expected.json").write_text(json.dumps(expected) + "\n")

# What tilegrad's layers compute in another way.
for name, layer in {
    "relu": layers.LSTM(2, activation="relu"),
    "reset-before": layers.GRU(2, reset_after=False),
}.items():
    keras.Sequential([layers.Input((3, 2)), layer]).save(files / f"{name}.keras")


def keras2(file, names):
    """Weights of `sequences` as Keras 2.15 names and writes them: keras/saving/legacy/hdf5_format.py, save_weights_to_hdf5_group.

    Names end in ":0" and lack the model's; lists of names are texts of a fixed size, here divided as those that are too long.
    """
    all_layers = [layer for layer in sequences.layers]
    file.attrs["layer_names0"] = np.array([layer.name.encode() for layer in all_layers[:3]])
    file.attrs["layer_names1"] = np.array([layer.name.encode() for layer in all_layers[3:]])
    file.attrs["backend"] = b"tensorflow"
    file.attrs["keras_version"] = b"2.15.0"
    for layer in all_layers:
        group = file.create_group(layer.name)
        weights = [w for w in layer.weights if "seed_generator" not in w.path]
        paths = [f"{names(layer, w)}:0" for w in weights]
        group.attrs["weight_names"] = np.array([path.encode() for path in paths], dtype="S")
        for path, weight in zip(paths, weights):
            group.create_dataset(path, data=np.asarray(weight))


with h5py.File(files / "keras2.h5", "w") as file:
    # Layers of a model within the model begin with their own names there.
    keras2(file, lambda layer, weight: weight.path.removeprefix("sequences/").removeprefix("head/"))


def compact():
    """Data within the header."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    return properties


def layout(name, write, **options):
    """A file with the one group of a Dense, in a layout of HDF5."""
    with h5py.File(files / name, "w", **options) as file:
        write(file.create_group("layers/dense/vars"))


layout("types.h5", lambda group: [
    group.create_dataset("0", data=np.array([[1, 2], [3, 4.5]], "float16")),
    group.create_dataset("1", data=np.array([1, -1e300])),
])
layout("compact.h5", lambda group: h5py.h5d.create(
    group.id, b"0", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((2, 1)), compact()).write(
        h5py.h5s.ALL, h5py.h5s.ALL, np.array([[5], [6]], "float32")))
layout("chunked.h5", lambda group: group.create_dataset("0", data=np.ones((2, 2)), compression="gzip"))
layout("big-endian.h5", lambda group: group.create_dataset("0", data=np.ones((2, 2), ">f4")))
layout("link.h5", lambda group: group.__setitem__("0", h5py.ExternalLink("other.h5", "/secret")))
layout("text.h5", lambda group: group.create_dataset("0", data=["a"]))
layout("latest.h5", lambda group: group.create_dataset("0", data=np.ones((2, 2))), libver="latest")
