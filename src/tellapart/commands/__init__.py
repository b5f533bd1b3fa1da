"""The table of commands: one row per command; its function and options are in a module beside this one.

The command line, the names of the package, its stub file and the reference are made of these rows. Nothing heavy is
imported here: ``tellapart --help`` is this table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument of a command.

    Attributes:
        name: the parameter of the function.
        metavar: what ``--help`` shows.
        is_many: whether several may be given.
        is_required: whether at least one must be given.
    """

    name: str
    metavar: str
    is_many: bool = False
    is_required: bool = True

    @property
    def shown(self) -> str:
        """As ``--help`` shows it: ``[CLASS]...``."""
        return f"{self.metavar if self.is_required else f'[{self.metavar}]'}{'...' if self.is_many else ''}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: as it is typed.
        group: the heading it stands under in ``--help``.
        summary: one sentence.
        arguments: positional ones, in order.
        example: a command line to begin with.
        module: of ``tellapart.commands``, and of ``tellapart.cli.output``; by default the name.
        page: the attribute of its result that is an HTML page, which ``--open`` opens; ``.`` if the result itself is one.
    """

    name: str
    group: str
    summary: str
    arguments: tuple[Argument, ...]
    example: str
    module: str = ""
    page: str = ""

    @property
    def function(self) -> str:
        """The name of its function: ``learning_curve`` of ``learning-curve``."""
        return self.name.replace("-", "_")

    @property
    def home(self) -> str:
        """Its module, below ``tellapart.commands`` and ``tellapart.cli.output``."""
        return self.module or self.function


FOLDER = Argument("folder", "FOLDER")
FILES = Argument("files", "FILE", is_many=True)
RUN = Argument("run", "RUN")
IMAGES = Argument("images", "FILES|FOLDER", is_many=True)

ROWS = (
    Command(
        "collect",
        "Data",
        "Download images for classes: by keyword, from web pages, or from lists of URLs.",
        (Argument("names", "CLASS", is_many=True, is_required=False),),
        'tellapart collect -o photos "border collie" "golden retriever"',
    ),
    Command(
        "sources",
        "Data",
        "List the image sources, their terms, and which of them respond.",
        (Argument("names", "NAME", is_many=True, is_required=False),),
        "tellapart sources --check --contact you@example.org",
    ),
    Command(
        "check",
        "Data",
        "Find broken, duplicate, blurred, off-topic and mislabeled images.",
        (FOLDER,),
        "tellapart check photos",
        page="review",
    ),
    Command(
        "split",
        "Data",
        "Split into train, val and test, near-duplicates kept together; estimate what leakage inflates.",
        (FOLDER,),
        "tellapart split photos --val 0.1 --test 0.2",
    ),
    Command(
        "balance",
        "Data",
        "Show how unequal the classes are, and undersample the frequent ones.",
        (FOLDER,),
        "tellapart balance photos --strategy cap --cap 500 --out balanced.csv",
    ),
    Command(
        "crop",
        "Data",
        "Crop images to faces, the main subject, or a named object.",
        (FOLDER,),
        "tellapart crop photos --target faces --out faces",
    ),
    Command(
        "augment",
        "Data",
        "Preview data augmentation, or write an augmented copy of the images.",
        (FOLDER,),
        "tellapart augment photos --augment strong",
    ),
    Command(
        "prepare",
        "Data",
        "Write images as arrays or shards for any training loop.",
        (FOLDER,),
        "tellapart prepare photos --size 50 --size 100 --out arrays",
    ),
    Command(
        "export-dataset",
        "Data",
        "Write a clean copy of the images with your decisions applied.",
        (FOLDER, Argument("out", "OUT")),
        "tellapart export-dataset photos clean",
    ),
    Command(
        "train", "Train", "Train a classifier on a folder of images and evaluate it.", (FOLDER,), "tellapart train photos", page="report"
    ),
    Command(
        "ladder",
        "Train",
        "Compare baselines, linear probe, fine-tuning, folds and TTA on one split.",
        (FOLDER,),
        "tellapart ladder photos",
        page="report",
    ),
    Command(
        "learning-curve",
        "Train",
        "Estimate how much more images would help.",
        (FOLDER,),
        "tellapart learning-curve photos --recipe finetune --sizes 500,1000,2000",
    ),
    Command(
        "ensemble",
        "Train",
        "Average several runs into one.",
        (Argument("runs", "RUN", is_many=True),),
        "tellapart ensemble runs/photos-1 runs/photos-2",
        page="report",
    ),
    Command(
        "runs",
        "Evaluate",
        "List the runs, ranked; those on the same images are compared with the best.",
        (Argument("folder", "DIR", is_required=False),),
        "tellapart runs",
        page="page",
    ),
    Command(
        "rm-run",
        "Use",
        "Delete runs.",
        (Argument("runs", "RUN", is_many=True),),
        "tellapart rm-run runs/photos-1 --yes",
        "runs",
    ),
    Command("cache", "Use", "Show what lies in the cache, by kind and age, and clear it.", (), "tellapart cache --clear pixels"),
    Command("demo", "Train", "Train on a packaged set of solar-cell images.", (), "tellapart demo", page="report"),
    Command(
        "evaluate",
        "Evaluate",
        "Evaluate a run on new labeled images.",
        (RUN, FOLDER),
        "tellapart evaluate runs/photos-1 newer_photos",
        page="report",
    ),
    Command(
        "compare",
        "Evaluate",
        "Compare two runs on the same images.",
        (Argument("first", "RUN"), Argument("second", "RUN")),
        "tellapart compare runs/photos-1 runs/photos-2",
    ),
    Command(
        "explain",
        "Evaluate",
        "Show with Grad-CAM and occlusion where a run looks.",
        (RUN, IMAGES),
        "tellapart explain runs/photos-1 new/*.jpg",
    ),
    Command("report", "Evaluate", "Write the HTML report of a run again.", (RUN,), "tellapart report runs/photos-1", page="."),
    Command(
        "explore",
        "Explore",
        "Project a folder onto a map with clusters, similar images and outliers.",
        (FOLDER,),
        "tellapart explore photos",
        page="out",
    ),
    Command("cluster", "Explore", "Cluster images, with or without labels.", (FOLDER,), "tellapart cluster photos -k 5", page="index"),
    Command(
        "similar",
        "Explore",
        "Find the most similar images to one, or to each.",
        (FOLDER, Argument("image", "IMAGE", is_required=False)),
        "tellapart similar photos new.jpg",
    ),
    Command(
        "suggest",
        "Explore",
        "Suggest which images to label next, and write a page to label them on.",
        (FOLDER,),
        "tellapart suggest photos --run runs/photos-1",
        page="page",
    ),
    Command(
        "autoencode",
        "Explore",
        "Train an autoencoder and use its latent codes as features.",
        (FOLDER,),
        "tellapart autoencode photos",
        page="report",
    ),
    Command(
        "exclude",
        "Decide",
        "Exclude images from everything from now on.",
        (FOLDER, FILES),
        'tellapart exclude photos cats/12.jpg cats/40.jpg --reason "no cat to be seen"',
        "decisions",
    ),
    Command(
        "relabel", "Decide", "Change the label of images.", (FOLDER, FILES), "tellapart relabel photos cats/12.jpg --to dogs", "decisions"
    ),
    Command("restore", "Decide", "Revert decisions on images.", (FOLDER, FILES), "tellapart restore photos cats/12.jpg", "decisions"),
    Command("undo", "Decide", "Undo the latest decisions.", (FOLDER,), "tellapart undo photos", "decisions"),
    Command(
        "studio",
        "Decide",
        "Look through a folder in the browser, decide, retrain, and see what changed.",
        (FOLDER,),
        "tellapart studio photos --open",
    ),
    Command("decisions", "Decide", "List decisions, or apply a file of them.", (FOLDER,), "tellapart decisions photos"),
    Command(
        "predict", "Use", "Predict the classes of new images.", (RUN, IMAGES), "tellapart predict runs/photos-1 new/*.jpg --out answers.csv"
    ),
    Command(
        "submit",
        "Use",
        "Write a checked Kaggle submission file.",
        (RUN, Argument("folder", "TEST_FOLDER")),
        "tellapart submit runs/photos-1 test --sample sample_submission.csv --class dogs",
    ),
    Command(
        "backbones",
        "Train",
        "List the pretrained networks at hand, and others worth fetching, with size, license and speed.",
        (Argument("names", "NAME", is_many=True, is_required=False),),
        "tellapart backbones --measure",
    ),
    Command(
        "export-model",
        "Use",
        "Write a run's model for other programs: ONNX, a web page, torch, timm.",
        (RUN,),
        "tellapart export-model runs/photos-1 --to onnx",
    ),
    Command(
        "serve",
        "Use",
        "Answer for runs over HTTP: a page to drop photos on, and an interface for programs.",
        (Argument("runs", "RUN", is_many=True),),
        "tellapart serve runs/photos-1",
    ),
    Command("doctor", "Use", "Check the installation.", (), "tellapart doctor"),
)
COMMANDS = {row.name: row for row in ROWS}
GROUPS = tuple(dict.fromkeys(row.group for row in ROWS))
