"""Takes what the addon needs out of a TensorFlow wheel: extract_wheel.py WHEEL FOLDER. Links keep their one meaning: a file is copied once."""
import os
import re
import shutil
import sys
import zipfile

LIBRARIES = re.compile(r"^tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)$")
HEADERS = re.compile(r"^tensorflow/include/((?:tensorflow/c/|tensorflow/core/platform/ctstring|(?:tensorflow/|xla/)?tsl/(?:c|platform)/).*\.h)$")
NVIDIA = re.compile(r"^(nvidia/[^/]+/lib/[^/]+\.so[^/]*)$")


def main(wheel: str, folder: str) -> None:
    taken = 0
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            for pattern, under in ((LIBRARIES, "lib"), (HEADERS, "include"), (NVIDIA, "")):
                match = pattern.match(member.filename)
                if match is None:
                    continue
                target = os.path.join(folder, under, match.group(1))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with archive.open(member) as source, open(target, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)  # reading to the end checks the member's CRC
                taken += 1
    if taken == 0:
        sys.exit(f"nothing to take in {os.path.basename(wheel)}")


main(sys.argv[1], sys.argv[2])
