"""Rules about files and trees: names, links, reading, digests (DBOM-1nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

PATH_MISSING = Rule(
    "DBOM-101",
    "path missing",
    "There is nothing at this path, so there is nothing to fingerprint.",
    "check the spelling, and that the data is mounted",
)
PATH_UNREADABLE = Rule(
    "DBOM-102",
    "path unreadable",
    "The operating system or the store refused to let this be read. A digest of a part would be a digest of something"
    " else, so nothing is said about the whole.",
    "give this user the right to read it",
)
NAME_REFUSED = Rule(
    "DBOM-103",
    "name that a manifest can't hold",
    "A tree's digest is the sha256 of `sha256sum` lines, and this name has no single way to stand in one: sha256sum"
    " escapes newlines, carriage returns and backslashes while in-toto's dirHash doesn't, it reads `-` as its standard"
    " input, and a name that isn't UTF-8 can't stand in a JSON statement.",
    "rename it, or leave its folder out with --ignore",
)
LINK_REFUSED = Rule(
    "DBOM-104",
    "link that leads nowhere or out of the tree",
    "Links inside a tree are read as what they point to. One that dangles or leads back to itself has nothing to read,"
    " and one that leads out of the tree makes the digest depend on something that isn't moved with it.",
    "replace the link by what it points to, or accept links out of the tree with --follow-links",
)
SPECIAL_FILE = Rule(
    "DBOM-105",
    "special file",
    "A pipe, a socket or a device has no bytes that stay the same, so it can't be part of an artifact.",
    "remove it, or leave it out with --ignore",
)
CHANGED_WHILE_READ = Rule(
    "DBOM-106",
    "changed while it was read",
    "Something wrote to the artifact between the first and the last look at it. A digest over such a mixture would be"
    " true of no state that ever was.",
    "wait until nothing writes there any more, or fingerprint a copy",
)
EMPTY_TREE = Rule(
    "DBOM-107",
    "tree without files",
    "Folders don't count, so a tree without files has an empty manifest, and its digest that of an empty file.",
    "check that the data is there, and that --ignore doesn't leave out all of it",
)
TOO_MANY_LINKED = Rule(
    "DBOM-108",
    "links that multiply the tree",
    "Folders that are linked inside linked folders multiply at each level: a few dozen links can stand for more files"
    " than any disk holds. What is reached through links is bounded.",
    "replace links to folders by the folders, or leave them out with --ignore",
)
NAMES_COLLIDE = Rule(
    "DBOM-109",
    "names that some disks can't tell apart",
    "The names differ only in upper and lower case, or in how Unicode composes an accent. On macOS and Windows one of"
    " them overwrites the other, and the copy then has another digest.",
    "rename one of them",
)
LINK_FOLLOWED = Rule(
    "DBOM-110",
    "link out of the tree followed",
    "As --follow-links asks, a link that leads out of the tree was read as what it points to. Whoever copies the tree"
    " without that place has other bytes.",
    "replace the link by what it points to before you publish the tree",
)
NOT_A_SIDECAR = Rule(
    "DBOM-111",
    "folder named like a sidecar that isn't one",
    "A folder X.dbom is left out as evidence about X only while it holds nothing but a BOM, a manifest and bundles."
    " This one holds something else, so it is a part of the tree like any other folder: otherwise data could be hidden"
    " in it.",
    "move what doesn't belong there",
)
MANIFEST_MALFORMED = Rule(
    "DBOM-112",
    "malformed manifest",
    "A manifest is made of lines as sha256sum writes them: 64 lower-case hex digits, two spaces, a path relative to the"
    " tree. A line that reads otherwise, or a path that stands twice, could be taken for two different trees.",
    "write it again with dbom fingerprint --manifest",
)
WRITES_INTO_ARTIFACT = Rule(
    "DBOM-113",
    "result written into its own artifact",
    "The file to write lies inside the artifact that it describes. Writing it would change the artifact, so the digest"
    " would be false as soon as it is there.",
    "write it outside the artifact",
)
IGNORE_MALFORMED = Rule(
    "DBOM-114",
    "malformed ignore pattern",
    "An ignore pattern is a path with / between its segments, where * and ? stand for characters of one segment. This"
    " one could never match a file, or could be read in two ways.",
    "see docs/formats/tree.md for what a pattern may be",
)
STORE_UNREACHABLE = Rule(
    "DBOM-115",
    "store that can't be reached",
    "The store could not be listed, read or written. That nothing was found there says nothing about what is there.",
    "check the address, the network and the credentials",
)
STORE_NAME_REFUSED = Rule(
    "DBOM-116",
    "name that a store must not have",
    "A name in a store is a relative path. An empty segment, `.` or `..`, a leading slash or a name that isn't UTF-8"
    " could lead out of the store, or to two entries for one name.",
    "remove or rename the entry",
)
STORE_CONFLICT = Rule(
    "DBOM-117",
    "another entry has this name",
    "Entries of a store are only ever added. One with this name and other bytes is there already.",
    "look at what is there; nothing was overwritten",
)
STORE_ENTRY_TOO_LARGE = Rule(
    "DBOM-118",
    "entry too large",
    "What a store holds is read up to a bound, so that a stranger's entry can't fill the memory.",
    "remove the entry if it doesn't belong there",
)
STORE_URL_REFUSED = Rule(
    "DBOM-119",
    "store address not usable",
    "A store is a local folder or a URL of a protocol that fsspec knows.",
    "give a folder, or a URL such as s3://bucket/prefix",
)
EXTRA_MISSING = Rule(
    "DBOM-130",
    "optional package missing",
    "What was asked for needs a package that isn't installed with dbom itself, so that those who don't need it don't"
    " carry it.",
    "install dbom with the extra that the message names",
)
SHARDS_NO_IDENTITY = Rule(
    "DBOM-131",
    "shards are no identity",
    "A fingerprint by shards holds digests of parts of files, so that many threads can read one file at once. It can't"
    " be compared with the sha256 of a file or a tree, and nothing is signed or verified by it.",
    "leave --scheme shards out where the digest is wanted that statements are about",
)
BYTES_FROM_CACHE = Rule(
    "DBOM-132",
    "files taken from the cache",
    "As --trust-cache asks, files that look unchanged since this user last read them were not read again. Whoever can"
    " write the cache, the disk beneath the file system, or the machine's clock can make that wrong.",
    "leave --trust-cache out where the answer matters",
)
TRANSFER_FAILED = Rule(
    "DBOM-150",
    "transfer that failed",
    "The store was asked several times, with longer and longer pauses, and each time it failed, was too busy, broke off"
    " or sent another number of bytes than it had announced. Nothing is said about bytes that never came.",
    "try again later, or copy the data first and fingerprint the copy",
)
NAME_TOO_LONG = Rule(
    "DBOM-151",
    "name longer than disks hold",
    "The digest is well defined, but most disks hold at most 255 bytes between two slashes, and 4,096 in a path. The"
    " object can't be copied to one, so a check against a local copy isn't possible.",
    "rename the object",
)
KEY_IS_FOLDER_TOO = Rule(
    "DBOM-152",
    "object that is also a folder",
    "In an object store `a` and `a/b` can both be objects. On a disk one of them must give way, so no tree of files is"
    " what is stored here.",
    "rename one of them, or leave one out with --ignore",
)
ARCHIVE_REFUSED = Rule(
    "DBOM-153",
    "archive that can't be read in one way only",
    "Members of a zip or tar file are read as the files they would be after unpacking. Encrypted members, links,"
    " devices, two members of one name, and archives that unpack to far more than any honest one have no such reading,"
    " or none that is bounded.",
    "unpack it with a tool you trust and fingerprint the folder, or fingerprint the archive itself as a file",
)
REDIRECT_REFUSED = Rule(
    "DBOM-154",
    "redirect that isn't followed",
    "The server sends the reader elsewhere: too often, from https to something weaker, or to another protocol. Another"
    " host is asked without any credentials.",
    "give the address that it leads to, if you trust it",
)
LENGTH_UNKNOWN = Rule(
    "DBOM-155",
    "length that isn't announced",
    "The server doesn't say how many bytes there are, so a transfer that broke off could not be told from a whole one.",
    "download it, check it, and fingerprint the copy",
)
ATTESTED_WRONG = Rule(
    "DBOM-156",
    "store that attests another digest",
    "The store says that the content has one sha256, and the bytes that it sends have another. One of them is wrong,"
    " and neither can be relied on.",
    "ask whoever runs the store; don't use the data until it is explained",
)
URL_REFUSED = Rule(
    "DBOM-157",
    "address that can't be fingerprinted",
    "An address is a URL of a protocol that fsspec knows, such as s3://bucket/prefix, hf://datasets/org/name@revision"
    " or zip://inner/path::URL. Passwords don't belong in it: it stands in shell histories and logs.",
    "see docs/guide/remote.md for the forms of an address",
)
WORKERS_LOST = Rule(
    "DBOM-170",
    "workers that are lost again and again",
    "The process or machine that read a part of the artifact went away, and so did the next ones that were given the"
    " same part. Without that part there is no digest of the whole.",
    "look for what ends them (memory, mostly); smaller batches and a journal help",
)
READ_FAILED_AGAIN = Rule(
    "DBOM-171",
    "reading failed again and again",
    "The operating system reported an error of the kind that often goes away, but it came back at each attempt. Without"
    " that part there is no digest of the whole.",
    "check the disk, the mount and the network, and run again; with a journal only the rest is read",
)
SEGMENTS_DISAGREE = Rule(
    "DBOM-172",
    "segments that are no manifest",
    "A tree's manifest is put together from segments, each of a run of paths. These overlap, are out of order, or name"
    " a path twice, so what they make together is not the manifest of one tree.",
    "fingerprint the tree again; if it happens again, report it",
)
SEGMENT_ALTERED = Rule(
    "DBOM-173",
    "segment with other bytes than its name says",
    "A segment of a manifest is named by the sha256 of its bytes. What was read under this name has another, so"
    " somebody or something wrote to the folder of segments.",
    "use a folder that nobody else writes to, and fingerprint again",
)
JOURNAL_FOREIGN = Rule(
    "DBOM-174",
    "journal of something else",
    "A journal holds the digests that an interrupted run had already computed. This one is of another tree, of other"
    " ignore patterns, or no journal at all; resuming from it would mix two artifacts.",
    "name another file, or remove this one if it is no longer needed",
)
JOURNAL_MALFORMED = Rule(
    "DBOM-175",
    "malformed journal",
    "A record in the middle of the journal is not what was written there. A killed run can leave half a record at the"
    " end, never one in the middle, so its digests can't be relied on.",
    "remove the journal and fingerprint from the start",
)
JOURNAL_UNUSABLE = Rule(
    "DBOM-176",
    "journal that can't be used",
    "The journal is in use by another run, is another user's, or can't be opened or written. What isn't on the disk"
    " can't be resumed from, so the run ends rather than promise it.",
    "wait for the other run, or name a journal where this user may write",
)
CLUSTER_UNREACHABLE = Rule(
    "DBOM-177",
    "cluster that can't be reached",
    "There is no Ray cluster at this address, or it refused the connection. Nothing was read.",
    "check --ray-address, the token and that Ray's version is the same on both sides",
)
CLUSTER_DIFFERS = Rule(
    "DBOM-178",
    "cluster with another dbom",
    "The workers have no dbom, or another version of it. Two versions may leave out or refuse different files, so their"
    " answers are not put together.",
    "install the same version of dbom on the cluster's nodes",
)
FINGERPRINT_MALFORMED = Rule(
    "DBOM-180",
    "malformed saved fingerprint",
    "A saved fingerprint lists the files of an artifact and the digest that is made of them. This one isn't of the form"
    " that docs/formats/fingerprint.md says, or its digest isn't that of its files, so it speaks of nothing in"
    " particular.",
    "write it again with dbom fingerprint --save",
)
SIDE_UNDECIDED = Rule(
    "DBOM-181",
    "document that names no one artifact",
    "A BOM or a bundle can be compared when it says by sha256 which bytes it is about. This one doesn't, or is about"
    " several artifacts, so nobody can tell whether it differs.",
    "compare with the artifact's manifest, or with its files",
)
SIDE_MALFORMED = Rule(
    "DBOM-182",
    "document that begins like one of ours and isn't",
    "What a side of a comparison is, is told by its content. This file begins as a manifest, a BOM, a bundle or a saved"
    " fingerprint does, and can't be read as one. Taking it for plain data in silence could hide a damaged document.",
    "mend the document, or compare the file itself with --as-data",
)
TABLE_MALFORMED = Rule(
    "DBOM-190",
    "table metadata that can't be read",
    "An Iceberg or Delta table says in its metadata which files it is made of. This metadata isn't of the form that its"
    " specification has, is larger than is read, or uses what isn't read here, so nobody can tell which files are"
    " meant.",
    "check the table with its own tools; without --snapshot, all files of the folder are fingerprinted",
)
TABLE_OUTSIDE = Rule(
    "DBOM-191",
    "table that names files outside its folder",
    "A snapshot is fingerprinted as the tree of its files below the table's folder. This one names a file somewhere"
    " else (a shallow clone, or files that were added by their address), or by a path that no tree can hold.",
    "rewrite the table so that it holds its files itself, or fingerprint the other place too",
)
SNAPSHOT_MISSING = Rule(
    "DBOM-192",
    "snapshot that isn't there",
    "The table's metadata doesn't hold this snapshot or version: it has expired, was cleaned up, or never was.",
    "name one that is there, or `current`",
)
TABLE_UNDECIDED = Rule(
    "DBOM-193",
    "table whose snapshot can't be told",
    "What is here leaves open which files the table is made of: metadata is missing or stands twice, or the table uses"
    " a feature that changes what its log means and that isn't known here. A guess could pin other files.",
    "mend or compact the table with its own tools, or ask its catalog",
)
TABLE_FILE_DIFFERS = Rule(
    "DBOM-194",
    "file that isn't what its table says",
    "The snapshot names a file that is missing, or has another size than the table's metadata says. The table can't be"
    " read whole, so its snapshot has no fingerprint.",
    "restore the file, or name another snapshot",
)
CHOICE_OF_FILES = Rule(
    "DBOM-195",
    "fingerprint of a choice of files",
    "This digest is that of the tree of some files of a folder: those that a pattern matches, or those of one snapshot"
    " of a table. It says nothing of the other files there.",
    "name the folder itself to fingerprint all of it",
)
REUSE_FOREIGN = Rule(
    "DBOM-183",
    "saved fingerprint that digests can't be taken over from",
    "With --reuse, files that are still in the state that a saved fingerprint says are not read again. Which file was"
    " in which state is nobody's statement, so the fingerprint must be of the same source, say the states, and lie in a"
    " file that is this user's and that not everybody can write to.",
    "fingerprint without --reuse, with --save to write one for the next time",
)
REUSE_UNVERIFIED = Rule(
    "DBOM-184",
    "saved fingerprint that no verified statement is about",
    "Digests are taken over from a saved fingerprint only where its digest is the subject of a statement of content by"
    " a signer who is expected. Without one, anybody could have written them.",
    "sign the artifact that was fingerprinted, say whom to expect, or fingerprint without --reuse",
)
COPY_UNSUPPORTED = Rule(
    "DBOM-185",
    "place that nothing can be copied from",
    "Files, folders, objects and prefixes are copied. Members of archives and artifacts in registries aren't: an image"
    " volume is how a cluster mounts the latter, and its digest is enforced by the kubelet.",
    "copy from the folder, bucket or hub repository itself",
)
COPY_UNWRITABLE = Rule(
    "DBOM-186",
    "copy that can't be put into its place",
    "A copy is written beside its place and takes it in one step when all of it is there and was checked. That isn't"
    " possible where the folder can't be written to, where something else lies in its place, or where its place is a"
    " mount point.",
    "name a folder below the mounted volume that isn't there yet",
)
