/* SPDX-License-Identifier: Apache-2.0
 * The cache of compiled modules. Files are named by a keyed hash of the module and the engine's configuration, and carry a
 * keyed hash of their contents; the keys are random and in the file "key", which only the user can read.
 *
 * SipHash-2-4 with 128 bits serves for both: whoever does not know the key (another user, a broken disk) can neither make
 * a file that is accepted nor a module whose name is that of another, and whoever can read the key can write to this
 * user's programs anyway. It takes a fifth of the time of SHA-256, and a load is to take less than a millisecond. */
#include "kernel/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel/siphash.h"

enum { KEY_BYTES = 32, STALE_SECONDS = 3600, TOUCH_SECONDS = 24 * 3600 };

static const char magic[8] = {'S', 'M', 'A', 'L', 'T', 'I', 'C', '1'};
static const char suffix[] = ".code";

/* A file: this, the artifact, and the hash of both. */
typedef struct header {
    char magic[8];
    char name[SMALTI__CACHE_NAME + 7]; /* NUL-padded: a file that was renamed does not count */
    uint64_t size;                     /* of the artifact */
} header;
enum { HASH_BYTES = 16, OVERHEAD = sizeof(header) + HASH_BYTES };

static bool read_all(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    while (size) {
        ssize_t n = read(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n, size -= (size_t)n;
    }
    return true;
}

/* A name for a temporary file; false when the system has no randomness. */
static bool temporary_name(char out[32])
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(out, 32, "tmp-%016llx", (unsigned long long)random);
    return true;
}

/* Opens a file of the cache that is regular, this user's, and without any of the permissions in forbidden. */
static int open_own(int directory, const char *name, mode_t forbidden, struct stat *info)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, info) || !S_ISREG(info->st_mode) || info->st_uid != geteuid() || info->st_mode & forbidden) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

/* Writes a temporary file and gives it its name; with replace false, only when there is none of that name. */
static bool write_file(int directory, const char *name, const void *head, size_t head_size, const void *body,
                       size_t body_size, const void *tail, size_t tail_size, bool replace)
{
    char temporary[32];
    if (!temporary_name(temporary))
        return false;
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = smalti__write_all(fd, head, head_size) && smalti__write_all(fd, body, body_size) &&
                smalti__write_all(fd, tail, tail_size);
    good = close(fd) == 0 && good;
    if (good && replace)
        good = renameat(directory, temporary, directory, name) == 0;
    else if (good)
        good = linkat(directory, temporary, directory, name, 0) == 0 || errno == EEXIST;
    if (!good || !replace) {
        int failure = errno;
        unlinkat(directory, temporary, 0);
        errno = failure;
    }
    return good;
}

/* Reads the keys, making them at first. Of several processes that make them the first wins. */
static bool read_keys(smalti__cache *cache)
{
    uint8_t keys[KEY_BYTES];
    for (int attempt = 0; attempt < 3; attempt++) {
        struct stat info;
        int fd = open_own(cache->directory, "key", 077, &info);
        if (fd >= 0) {
            bool good = info.st_size == KEY_BYTES && read_all(fd, keys, KEY_BYTES);
            close(fd);
            if (good) {
                memcpy(cache->name_key, keys, 16);
                memcpy(cache->code_key, keys + 16, 16);
                return true;
            }
            unlinkat(cache->directory, "key", 0); /* cut short: everything is compiled anew under new keys */
        } else if (errno != ENOENT) {
            return false;
        }
        if (getrandom(keys, KEY_BYTES, 0) != KEY_BYTES ||
            !write_file(cache->directory, "key", keys, KEY_BYTES, NULL, 0, NULL, 0, false))
            return false;
    }
    return false;
}

/* Makes the directories of a path that are missing. */
static void make_directories(const char *path)
{
    char part[4096];
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(part, 0700);
        *slash = '/';
    }
    mkdir(part, 0700);
}

static bool default_directory(char *out, size_t out_size)
{
    const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    int length;
    if (cache && cache[0] == '/')
        length = snprintf(out, out_size, "%s/smalti/modules", cache);
    else if (home && home[0] == '/')
        length = snprintf(out, out_size, "%s/.cache/smalti/modules", home);
    else
        return false;
    return length > 0 && (size_t)length < out_size;
}

static bool no_cache(smalti__cache *cache, const char *path, const char *why)
{
    smalti__log(1, "compiled modules are not cached: %s: %s", path, why);
    smalti__cache_close(cache);
    return false;
}

bool smalti__cache_open(const char *directory, smalti__cache *cache)
{
    char path[4096];
    cache->directory = -1;
    if (directory && !*directory)
        return false;
    if (!directory && !default_directory(path, sizeof path))
        return no_cache(cache, "XDG_CACHE_HOME", "neither it nor HOME names a directory");
    if (directory && (size_t)snprintf(path, sizeof path, "%s", directory) >= sizeof path)
        return no_cache(cache, "its directory", strerror(ENAMETOOLONG));
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    cache->directory = open(path, flags);
    if (cache->directory < 0 && errno == ENOENT) {
        make_directories(path);
        cache->directory = open(path, flags);
    }
    if (cache->directory < 0)
        return no_cache(cache, path, strerror(errno));
    struct stat info;
    if (fstat(cache->directory, &info))
        return no_cache(cache, path, strerror(errno));
    if (info.st_uid != geteuid())
        return no_cache(cache, path, "it is another user's");
    if (info.st_mode & 022)
        return no_cache(cache, path, "others can write to it");
    if (!read_keys(cache))
        return no_cache(cache, path, errno == EPERM ? "others can read its key" : strerror(errno));
    return true;
}

void smalti__cache_close(smalti__cache *cache)
{
    if (cache->directory >= 0)
        close(cache->directory);
    cache->directory = -1;
}

void smalti__cache_name(const smalti__cache *cache, const void *module, size_t size, const char *config,
                        char name[SMALTI__CACHE_NAME])
{
    uint8_t input[HASH_BYTES + 512], hash[HASH_BYTES];
    size_t config_size = strnlen(config, sizeof input - HASH_BYTES);
    smalti__siphash128(cache->name_key, module, size, input);
    memcpy(input + HASH_BYTES, config, config_size);
    smalti__siphash128(cache->name_key, input, HASH_BYTES + config_size, hash);
    for (int i = 0; i < HASH_BYTES; i++)
        snprintf(name + 2 * i, 3, "%02x", hash[i]);
}

static void header_fill(header *head, const char *name, size_t size)
{
    memset(head, 0, sizeof *head);
    memcpy(head->magic, magic, sizeof magic);
    memcpy(head->name, name, strnlen(name, SMALTI__CACHE_NAME));
    head->size = size;
}

/* Of the header and the artifact's hash, so that the artifact need not lie behind the header. */
static void hash_file(const smalti__cache *cache, const header *head, const void *data, size_t size,
                      uint8_t hash[HASH_BYTES])
{
    uint8_t both[sizeof *head + HASH_BYTES];
    memcpy(both, head, sizeof *head);
    smalti__siphash128(cache->code_key, data, size, both + sizeof *head);
    smalti__siphash128(cache->code_key, both, sizeof both, hash);
}

bool smalti__cache_get(const smalti__cache *cache, const char *name, void **data, size_t *size)
{
    char file[SMALTI__CACHE_NAME + sizeof suffix];
    struct stat info;
    snprintf(file, sizeof file, "%s%s", name, suffix);
    int fd = open_own(cache->directory, file, 022, &info);
    if (fd < 0)
        return false;
    header expected, head;
    uint8_t expected_hash[HASH_BYTES], hash[HASH_BYTES];
    uint8_t *bytes = NULL;
    bool good = info.st_size > OVERHEAD && (uint64_t)info.st_size <= SMALTI__CACHE_MAX_BYTES + OVERHEAD;
    if (good) {
        *size = (size_t)info.st_size - OVERHEAD;
        header_fill(&expected, name, *size);
        bytes = malloc(*size);
        good = bytes && read_all(fd, &head, sizeof head) && read_all(fd, bytes, *size) &&
               read_all(fd, hash, sizeof hash) && !memcmp(&head, &expected, sizeof head);
    }
    if (good) {
        hash_file(cache, &head, bytes, *size, expected_hash);
        good = !memcmp(hash, expected_hash, sizeof hash);
    }
    if (good && info.st_mtime < time(NULL) - TOUCH_SECONDS)
        futimens(fd, NULL); /* the oldest go first: the time is that of the last use, to a day */
    close(fd);
    if (!good) {
        smalti__log(1, "a file of the module cache is damaged and is replaced: %s", file);
        free(bytes);
        return false;
    }
    *data = bytes;
    return true;
}

typedef struct entry {
    char name[SMALTI__CACHE_NAME + sizeof suffix];
    uint64_t bytes;
    time_t used;
} entry;

static int by_use(const void *a, const void *b)
{
    time_t x = ((const entry *)a)->used, y = ((const entry *)b)->used;
    return x < y ? -1 : x > y;
}

/* The cached files; stale temporary ones are removed on the way. */
static size_t list_files(int directory, DIR *listing, entry **out)
{
    entry *entries = NULL;
    size_t count = 0, room = 0;
    time_t now = time(NULL);
    for (struct dirent *item; (item = readdir(listing));) {
        struct stat info;
        size_t length = strlen(item->d_name);
        if (item->d_name[0] == '.' || fstatat(directory, item->d_name, &info, AT_SYMLINK_NOFOLLOW))
            continue;
        if (!strncmp(item->d_name, "tmp-", 4) && info.st_mtime < now - STALE_SECONDS)
            unlinkat(directory, item->d_name, 0);
        if (length != SMALTI__CACHE_NAME - 1 + sizeof suffix - 1 ||
            strcmp(item->d_name + SMALTI__CACHE_NAME - 1, suffix))
            continue;
        if (count == room) {
            room = room ? room * 2 : 64;
            entry *more = realloc(entries, room * sizeof *more);
            if (!more)
                break;
            entries = more;
        }
        memcpy(entries[count].name, item->d_name, length + 1);
        entries[count].bytes = (uint64_t)info.st_size;
        entries[count++].used = info.st_mtime;
    }
    *out = entries;
    return count;
}

void smalti__cache_trim(const smalti__cache *cache, uint64_t max_bytes, uint64_t keep_bytes)
{
    int fd = openat(cache->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing) {
        if (fd >= 0)
            close(fd);
        return;
    }
    entry *entries;
    size_t count = list_files(cache->directory, listing, &entries);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += entries[i].bytes;
    if (total > max_bytes) {
        qsort(entries, count, sizeof *entries, by_use);
        for (size_t i = 0; i < count && total > keep_bytes; i++)
            if (unlinkat(cache->directory, entries[i].name, 0) == 0)
                total -= entries[i].bytes;
    }
    free(entries);
    closedir(listing);
}

void smalti__cache_put(const smalti__cache *cache, const char *name, const void *data, size_t size)
{
    if (size > SMALTI__CACHE_KEEP_BYTES)
        return;
    header head;
    uint8_t hash[HASH_BYTES];
    char file[SMALTI__CACHE_NAME + sizeof suffix];
    header_fill(&head, name, size);
    hash_file(cache, &head, data, size, hash);
    snprintf(file, sizeof file, "%s%s", name, suffix);
    if (!write_file(cache->directory, file, &head, sizeof head, data, size, hash, sizeof hash, true))
        smalti__log(1, "a compiled module could not be cached: %s", strerror(errno));
    smalti__cache_trim(cache, SMALTI__CACHE_MAX_BYTES, SMALTI__CACHE_KEEP_BYTES);
}
