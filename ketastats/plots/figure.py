"""A result's figure with its alternative text, ready for a notebook, a page or a PDF."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from ketastats.plots.style import RC, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE_MIME = "application/vnd.ketastats.figure+json"


class Drawable(Protocol):
    """A result that draws itself and says what the drawing shows."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw and return the axes."""
        ...

    def figure_text(self) -> str:
        """Say what the drawing shows."""
        ...


@dataclass(frozen=True, slots=True)
class Figure:
    """An SVG drawing, what it shows in words, and a caption."""

    svg: str
    alt: str
    caption: str

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode()
        return (
            f'<figure><img alt="{escape(self.alt, quote=True)}" src="data:image/svg+xml;base64,{data}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )

    def _repr_mimebundle_(
        self,
        include: Any = None,  # noqa: ARG002 (the display protocol passes both)
        exclude: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {
            "text/plain": self.caption or self.alt,
            "text/html": self._repr_html_(),
            FIGURE_MIME: {"svg": self.svg, "alt": self.alt, "caption": self.caption},
        }


def figure(result: Drawable, *, caption: str, height: float = 3.2) -> Figure:
    """Draw a result for a report.

    Parameters
    ----------
    result : any result of this package
    caption : str
        A sentence under the figure.
    height : float
        Inches; the width is the same for all figures. A forest plot makes itself as high as its
        rows need.

    Returns
    -------
    Figure
        The same bytes for the same result.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(canvas)
        result.plot(canvas.add_subplot())
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", metadata={"Date": None})
    return Figure(buffer.getvalue(), result.figure_text(), caption)
