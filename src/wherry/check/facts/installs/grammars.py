"""The options of each package manager: which take a value, and the long names of the short ones.

From the programs' own help; what is not listed is taken for a flag, which is right for all but new options.
"""

from __future__ import annotations

from typing import Final

from wherry.check.facts.calls import Grammar

PIP: Final = Grammar.of(
    "-r/--requirement -c/--constraint -e/--editable -t/--target -i/--index-url --pypi-url --extra-index-url"
    " -f/--find-links --trusted-host -b/--build -w/--wheel-dir -d/--dest -C/--config-settings --platform"
    " --python-version --implementation --abi --root --prefix --src --upgrade-strategy --global-option"
    " --install-option --build-option --no-binary --only-binary --progress-bar --root-user-action --report"
    " --log --proxy --retries --timeout --exists-action --cert --client-cert --cache-dir --use-feature"
    " --use-deprecated --python --group --keyring-provider --build-constraint --uploaded-prior-to"
    " --resume-retries",
    "-U/--upgrade -q/--quiet -v/--verbose -I/--ignore-installed -y/--yes",
)
UV: Final = Grammar.of(
    "--extra --no-extra --group --no-group --only-group --package --no-install-package -p/--python --project"
    " --directory --config-file --cache-dir --index --default-index -i/--index-url --extra-index-url"
    " -f/--find-links --index-strategy --keyring-provider --resolution --prerelease --exclude-newer"
    " --link-mode --no-binary-package --no-build-package --no-build-isolation-package --refresh-package"
    " --reinstall-package -P/--upgrade-package -C/--config-setting --python-preference --color"
    " --allow-insecure-host --trusted-host/--allow-insecure-host --python-platform --python-version"
    " -r/--requirements/--requirement -c/--constraints/--constraint -e/--editable -o/--output-file --format"
    " --target --prefix --torch-backend --with --with-editable --with-requirements --from --only-binary"
    " --no-binary -b/--build-constraints --override --env-file --fork-strategy --no-emit-package --prompt"
    " -m/--module",
    "-n/--no-cache --no-cache-dir/--no-cache -U/--upgrade -q/--quiet -v/--verbose --no-editable --only-dev",
)
POETRY: Final = Grammar.of(
    "--with --without --only -E/--extras -C/--directory -P/--project -f/--format -o/--output -G/--group"
    " --python --source",
    "-n/--no-interaction -q/--quiet -v/--verbose -h/--help",
)
PDM: Final = Grammar.of(
    "-G/--group --without -L/--lockfile -p/--project -o/--output -f/--format --venv -c/--config",
    "-d/--dev -q/--quiet -v/--verbose --production/--prod",
)
PIPENV: Final = Grammar.of(
    "--categories -r/--requirements/--requirement --python -i/--index -e/--editable", "-d/--dev"
)
CONDA: Final = Grammar.of(
    "-n/--name -p/--prefix -c/--channel -f/--file --solver --repodata-fn --platform --subdir -r/--root-prefix"
    " --rc-file --category --clone --channel-priority --experimental",
    "-y/--yes -q/--quiet -a/--all -t/--tarballs -i/--index-cache --packages/-p -l/--logfiles"
    " -k/--insecure -O/--override-channels",
)
CONDA_CLEAN: Final = Grammar.of(
    "", "-y/--yes -q/--quiet -a/--all -t/--tarballs -i/--index-cache -p/--packages -f/--force-pkgs-dirs"
)
APT: Final = Grammar.of(
    "-o/--option -t/--target-release --default-release/--target-release -c/--config-file"
    " -a/--host-architecture",
    "-y/--yes --assume-yes/--yes -q/--quiet -qq/--quiet -f/--fix-broken -m/--fix-missing"
    " --ignore-missing/--fix-missing -d/--download-only -V/--verbose-versions -R/--without-recommends"
    " --autoremove/--auto-remove",
)
APK: Final = Grammar.of(
    "-t/--virtual -X/--repository -p/--root --repositories-file --arch --keys-dir --cache-dir --cache-max-age"
    " --progress-fd --wait",
    "-q/--quiet -U/--update-cache --update/--update-cache -u/--upgrade -l/--latest",
)
DNF: Final = Grammar.of(
    "--enablerepo --disablerepo --repo --repoid/--repo --setopt --releasever --installroot -x/--exclude"
    " -c/--config -d/--debuglevel -e/--errorlevel --repofrompath --comment",
    "-y/--assumeyes -q/--quiet -v/--verbose",
)
ZYPPER: Final = Grammar.of(
    "-r/--repo --from -t/--type --root -R/--installroot --releasever -D/--reposd-dir --gpg-auto-import",
    "-n/--non-interactive -y/--no-confirm -q/--quiet -l/--auto-agree-with-licenses",
)
NODE: Final = Grammar.of(
    "--prefix --registry -w/--workspace --omit --include --cache --loglevel -C/--dir -F/--filter"
    " --network-timeout --cwd --modules-folder --cache-folder --store-dir --only --install-strategy"
    " --fetch-timeout --mutex",
    "-g/--global -D/--save-dev -E/--save-exact -P/--prod",
)
