"""Shows a run as one short file of plain PyTorch that repeats it; written as text, without torch."""

from distill_core.plain_code.covering import NotShown as NotShown
from distill_core.plain_code.script import PlainScript as PlainScript
from distill_core.plain_code.script import Shown as Shown
from distill_core.plain_code.script import plain_script as plain_script
