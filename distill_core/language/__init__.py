"""What users read, in the language they read: English in the code, other languages by gettext catalogues."""

from distill_core.language.retelling import told as told
from distill_core.language.speaking import ENGLISH as ENGLISH
from distill_core.language.speaking import LANGUAGES as LANGUAGES
from distill_core.language.speaking import Language as Language
from distill_core.language.speaking import _ as _
from distill_core.language.speaking import counted as counted
from distill_core.language.speaking import current as current
from distill_core.language.speaking import document_tag as document_tag
from distill_core.language.speaking import known as known
from distill_core.language.speaking import marked as marked
from distill_core.language.speaking import sayable as sayable
from distill_core.language.speaking import select_by as select_by
from distill_core.language.speaking import speaking as speaking
