"""Why a file is refused, and what is missing where not everything could be made: in sentences for the person."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

#: Pixels of a picture, and of one side; pictures of an animation, and their pixels in all.
MOST_PIXELS: Final = 100_000_000
LONGEST_SIDE: Final = 30_000
MOST_FRAMES: Final = 500
MOST_FRAME_PIXELS: Final = 500_000_000
#: Pixels of a video's picture (8K), and hours that it lasts.
MOST_VIDEO_PIXELS: Final = 7680 * 4320
MOST_HOURS: Final = 6


class Reason(models.TextChoices):
    """Why a file is refused. The label is a whole sentence: what is wrong, and what to do."""

    EMPTY = "empty", _("The file is empty. Choose another one.")
    NOT_MEDIA = "not_media", _("This is no picture, video or sound that we know. Send a JPEG, PNG, HEIC, MP4 or MOV.")
    DRAWING = "drawing", _("Drawings (SVG) can carry programs, so we do not take them. Send a PNG or a JPEG.")
    PLAYLIST = "playlist", _("This file only points to other files. Send the video itself.")
    BROKEN = "broken", _("The file is damaged or incomplete, and there is nothing in it to show. Send it again.")
    NO_PICTURE = "no_picture", _("There is neither a picture nor sound in this file that we can read.")
    TOO_MANY_PIXELS = "too_many_pixels", _("The picture is larger than 100 megapixels. Send a smaller one.")
    TOO_MANY_FRAMES = "too_many_frames", _("The animation is too long or too large. Send it as a video.")
    TOO_LARGE_A_VIDEO = "too_large_a_video", _("The video is larger than 8K. Send a smaller one.")
    TOO_LONG = "too_long", _("The video lasts longer than six hours. Send it in parts.")
    TOO_MUCH_WORK = "too_much_work", _("The file takes more memory or time than any honest one. We have stopped.")


class Missing(models.TextChoices):
    """What could not be made although the rest could."""

    SOUND = "sound", _("the sound")
    CAPTIONS = "captions", _("the captions")
    STORYBOARD = "storyboard", _("the previews on the time line")
    COLOURS = "colours", _("the right colours of HDR")
    END = "end", _("the end: the file breaks off")
    MOTION = "motion", _("the motion: only the first picture could be read")
