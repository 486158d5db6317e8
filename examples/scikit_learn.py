"""MNIST digits as NumPy arrays in scikit-learn: the accuracy of a model that sees the whole image at once."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.tasks import load_mnist

task = load_mnist(n_train=2000, seed=0)


def arrays(split):
    """x as (N, T * D) float32, y as (N,) int64."""
    return split.x.flatten(start_dim=1).numpy(), split.y.numpy()


x, y = arrays(task.train)
x_test, y_test = arrays(task.test)
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
model.fit(x, y)
accuracy = model.score(x_test, y_test)
print(f"test accuracy {accuracy:.3f}, chance {task.spec.chance_accuracy:.3f} ({task.spec.data_source})")
