/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target over every file of its corpus folders (argv), so that the ordinary tests replay what fuzzing found. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!file)
            continue;
        fseek(file, 0, SEEK_END);
        long size = ftell(file);
        rewind(file);
        /* exactly as large as the input, so that the sanitizer sees a read past its end */
        uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
        if (data && size >= 0 && fread(data, 1, (size_t)size, file) == (size_t)size) {
            LLVMFuzzerTestOneInput(data, (size_t)size);
            count++;
        }
        free(data);
        fclose(file);
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("1..1\n%s 1 - %d corpus files of %s replay without a crash\n", count ? "ok" : "not ok", count,
           argc > 1 ? argv[1] : "no folder");
    return count == 0;
}
