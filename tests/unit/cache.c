/* SPDX-License-Identifier: Apache-2.0
 * The cache of compiled modules: found again, and never trusted when anything is wrong. */
#include "kernel/cache.h"

#include <smalti/kernel.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/siphash.h"
#include "kernel_files.h"

static char folder[] = "/tmp/smalti-cache-XXXXXX", directory[64];

static void remove_tree(const char *path)
{
    DIR *listing = opendir(path);
    for (struct dirent *item; listing && (item = readdir(listing));)
        if (strcmp(item->d_name, ".") && strcmp(item->d_name, "..") && unlinkat(dirfd(listing), item->d_name, 0)) {
            char inner[512];
            snprintf(inner, sizeof inner, "%s/%s", path, item->d_name);
            remove_tree(inner);
        }
    if (listing)
        closedir(listing);
    rmdir(path);
}

static void clean_up(void)
{
    remove_tree(folder);
}

/* An empty cache directory of this program. */
static const char *fresh(void)
{
    if (!*directory) {
        if (!mkdtemp(folder))
            TEST_FAIL("no temporary folder");
        atexit(clean_up);
        snprintf(directory, sizeof directory, "%s/a/b", folder);
    }
    remove_tree(directory);
    return directory;
}

static smalti__cache open_cache(void)
{
    smalti__cache cache;
    if (!smalti__cache_open(directory, &cache))
        TEST_FAIL("the cache cannot be opened");
    return cache;
}

/* Files that end in .code; path is that of the last one. */
static int count_code(char path[512])
{
    int count = 0;
    DIR *listing = opendir(directory);
    for (struct dirent *item; listing && (item = readdir(listing));)
        if (strlen(item->d_name) == 37 && strstr(item->d_name, ".code")) {
            count++;
            snprintf(path, 512, "%s/%s", directory, item->d_name);
        } else if (!strncmp(item->d_name, "tmp", 3)) {
            count += 1000; /* nothing temporary is left behind */
        }
    if (listing)
        closedir(listing);
    return count;
}

static void load_and_run(void)
{
    smalti_error error;
    smalti_kernel *kernel;
    uint32_t halo;
    const double radius = 17;
    const smalti_kernel_options options = {.size = sizeof options, .cache_dir = directory};
    CHECK_OK(smalti_kernel_load(kernel_path("halo"), &options, &kernel, &error), error);
    smalti_result result = smalti_kernel_halo(kernel, &radius, &halo, &error);
    smalti_kernel_unref(kernel);
    CHECK_OK(result, error);
    CHECK_INT(halo, 17);
}

static struct stat stat_of(const char *path)
{
    struct stat info;
    if (stat(path, &info))
        TEST_FAIL("no %s", path);
    return info;
}

TEST("SipHash-2-4-128 gives the authors' vectors")
{
    static const uint8_t expected[][16] = {
        {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93},
        {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45},
        {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4},
    };
    uint8_t key[16], hash[16];
    for (int i = 0; i < 16; i++)
        key[i] = (uint8_t)i;
    for (size_t size = 0; size < SMALTI__COUNT(expected); size++) {
        smalti__siphash128(key, key, size, hash); /* the input counts up from 0 as the key does */
        CHECK(!memcmp(hash, expected[size], 16));
    }
}

TEST("a second load finds the code of the first")
{
    char path[512];
    fresh();
    load_and_run();
    CHECK_INT(count_code(path), 1);
    struct stat first = stat_of(path);
    CHECK_INT(first.st_mode & 0777, 0600);
    CHECK_INT(stat_of(directory).st_mode & 0777, 0700);
    load_and_run();
    CHECK_INT(count_code(path), 1);
    CHECK_INT(stat_of(path).st_ino, first.st_ino); /* not written again */
}

TEST("a file with any byte changed is compiled anew")
{
    char path[512];
    fresh();
    load_and_run();
    CHECK_INT(count_code(path), 1);
    off_t size = stat_of(path).st_size;
    for (int i = 0; i < 24; i++) {
        off_t at = i < 8 ? i * 9 : i < 12 ? size - 1 - (i - 8) : size / 24 * i;
        ino_t before = stat_of(path).st_ino;
        uint8_t byte;
        int fd = open(path, O_RDWR);
        CHECK(fd >= 0 && pread(fd, &byte, 1, at) == 1);
        byte ^= 1u << i % 8;
        CHECK(pwrite(fd, &byte, 1, at) == 1);
        close(fd);
        load_and_run();
        CHECK_INT(count_code(path), 1);
        CHECK(stat_of(path).st_ino != before);
    }
}

TEST("a file cut short, empty or too long is compiled anew")
{
    char path[512];
    fresh();
    load_and_run();
    CHECK_INT(count_code(path), 1);
    off_t size = stat_of(path).st_size;
    const off_t sizes[] = {0, 1, 40, 71, 72, 73, size / 2, size - 1, size + 1};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++) {
        ino_t before = stat_of(path).st_ino;
        CHECK(truncate(path, sizes[i]) == 0);
        load_and_run();
        CHECK(stat_of(path).st_ino != before);
        CHECK_INT(stat_of(path).st_size, size);
    }
}

TEST("good code under another name does not count")
{
    smalti__cache cache;
    void *data;
    size_t size;
    char path[512], other[512];
    fresh();
    cache = open_cache();
    smalti__cache_put(&cache, "00000000000000000000000000000001", "code", 4);
    CHECK(smalti__cache_get(&cache, "00000000000000000000000000000001", &data, &size));
    CHECK(size == 4 && !memcmp(data, "code", 4));
    free(data);
    CHECK_INT(count_code(path), 1);
    snprintf(other, sizeof other, "%s/00000000000000000000000000000002.code", directory);
    CHECK(rename(path, other) == 0);
    CHECK(!smalti__cache_get(&cache, "00000000000000000000000000000002", &data, &size));
    smalti__cache_close(&cache);
}

TEST("names differ with the module, the configuration and the key")
{
    char a[SMALTI__CACHE_NAME], b[SMALTI__CACHE_NAME];
    smalti__cache one, two;
    fresh();
    one = open_cache();
    smalti__cache_name(&one, "module", 6, "config", a);
    smalti__cache_name(&one, "module", 6, "config", b);
    CHECK_STR(a, b);
    smalti__cache_name(&one, "modulf", 6, "config", b);
    CHECK(strcmp(a, b));
    smalti__cache_name(&one, "module", 6, "confih", b);
    CHECK(strcmp(a, b));
    fresh();
    two = open_cache();
    smalti__cache_name(&two, "module", 6, "config", b);
    CHECK(strcmp(a, b));
    smalti__cache_close(&one);
    smalti__cache_close(&two);
}

TEST("a directory or key that others can use makes for no cache, and the kernel loads")
{
    char path[512], key[512];
    smalti__cache cache;
    fresh();
    load_and_run();
    snprintf(key, sizeof key, "%s/key", directory);
    CHECK_INT(stat_of(key).st_mode & 0777, 0600);
    CHECK(chmod(directory, 0770) == 0);
    CHECK(!smalti__cache_open(directory, &cache));
    load_and_run();
    CHECK(chmod(directory, 0700) == 0 && chmod(key, 0644) == 0);
    CHECK(!smalti__cache_open(directory, &cache));
    load_and_run();
    CHECK(chmod(key, 0600) == 0);
    CHECK_INT(count_code(path), 1);
    CHECK(chmod(path, 0666) == 0);
    load_and_run(); /* the file is replaced by one that only this user can write */
    CHECK_INT(stat_of(path).st_mode & 0777, 0600);
}

TEST("a symbolic link is neither directory, key nor code")
{
    char link_path[128], key[512], moved[512];
    smalti__cache cache;
    fresh();
    load_and_run();
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    CHECK(symlink(directory, link_path) == 0);
    CHECK(!smalti__cache_open(link_path, &cache));
    unlink(link_path);
    snprintf(key, sizeof key, "%s/key", directory);
    snprintf(moved, sizeof moved, "%s/moved", folder);
    CHECK(rename(key, moved) == 0 && symlink(moved, key) == 0);
    CHECK(!smalti__cache_open(directory, &cache));
    load_and_run();
}

TEST("a key cut short is replaced")
{
    char key[512];
    fresh();
    load_and_run();
    snprintf(key, sizeof key, "%s/key", directory);
    CHECK(truncate(key, 5) == 0);
    load_and_run();
    CHECK_INT(stat_of(key).st_size, 32);
}

TEST("the oldest files go when there is too much")
{
    char path[512], name[SMALTI__CACHE_NAME];
    static uint8_t data[1000];
    void *found;
    size_t size;
    fresh();
    smalti__cache cache = open_cache();
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "%032d", i);
        smalti__cache_put(&cache, name, data, sizeof data);
        snprintf(path, sizeof path, "%s/%s.code", directory, name);
        const struct timespec times[2] = {{1000000 + i, 0}, {1000000 + i, 0}};
        CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
    }
    smalti__cache_trim(&cache, 100000, 0);
    CHECK_INT(count_code(path), 10);
    smalti__cache_trim(&cache, 10000, 5400);
    CHECK_INT(count_code(path), 5);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "%032d", i);
        bool there = smalti__cache_get(&cache, name, &found, &size);
        if (there)
            free(found);
        CHECK_INT(there, i >= 5);
    }
    smalti__cache_close(&cache);
}

TEST("no cache is asked for with an empty name")
{
    smalti__cache cache;
    CHECK(!smalti__cache_open("", &cache));
    CHECK_INT(cache.directory, -1);
}
