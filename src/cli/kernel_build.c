/* SPDX-License-Identifier: Apache-2.0
 * smalti kernel build: clang or cargo on a kernel's project. */
#include "cli/kernel_project.h"
#include "cli/embedded.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "clang",
     .kind = CLI_FILE,
     .placeholder = "PROGRAM",
     .summary = "clang to use for C (default: the first of clang-19, clang-16, clang-14 and clang that is there)"},
    {0},
};

const cli_command cli_kernel_build = {
    .name = "kernel build",
    .summary = "build a kernel's project",
    .usage = (const char *const[]){"[DIR] [OPTION]...", NULL},
    .description = "Builds the project in DIR (default: this folder) and checks the module that comes out, "
                   "DIR/NAME.wasm, whose path is written to standard output. A folder with a Cargo.toml is built by "
                   "cargo, any other by clang from all its .c files with the arguments in its file 'flags'.",
    .options = options,
    .operands = CLI_FOLDER,
    .max_operands = 1,
    .run = run,
};

extern char **environ;

/* ---- A list of words for a program ---- */

typedef struct word_list {
    char **items; /* owned, each too; ends with NULL */
    size_t count;
    bool lost; /* memory ran out */
} word_list;

static void add(word_list *words, const char *text, size_t length)
{
    char **larger = realloc(words->items, (words->count + 2) * sizeof *larger);
    char *copy = strndup(text, length);
    if (larger)
        words->items = larger;
    if (!larger || !copy) {
        free(copy);
        words->lost = true;
        return;
    }
    words->items[words->count++] = copy;
    words->items[words->count] = NULL;
}

static void add_text(word_list *words, const char *text)
{
    add(words, text, strlen(text));
}

static void clear(word_list *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
}

/* ---- Programs ---- */

/* Runs a program in a folder, its standard output going to our standard error. false when there is no such program;
 * *status as of waitpid. */
static bool run_program(char *const *words, const char *folder, int *status, smalti_result *result, smalti_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* ignored here, which a child would inherit */
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawnp(&child, words[0], &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    *result = SMALTI_OK;
    if (failed == ENOENT)
        return false;
    if (failed) {
        errno = failed;
        *result = cli_fail_errno(error, "%s: cannot run", words[0]);
        return true;
    }
    while (waitpid(child, status, 0) < 0)
        if (errno != EINTR) {
            *result = cli_fail_errno(error, "%s: cannot wait for it", words[0]);
            return true;
        }
    if (!WIFEXITED(*status) || WEXITSTATUS(*status))
        *result = cli_fail(error, SMALTI_E_KERNEL_MODULE, "%s: %s failed", folder, words[0]);
    return true;
}

/* ---- C ---- */

static smalti_result read_flags(const char *folder, word_list *words, smalti_error *error)
{
    char *path = cli_join(folder, "flags"), *own = NULL;
    size_t size = 0;
    if (!path)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a path");
    bool there = access(path, R_OK) == 0;
    smalti_result result = there ? cli_read_file(path, 1 << 20, &own, &size, error) : SMALTI_OK;
    free(path);
    if (result < 0)
        return result;
    const char *text = own;
    for (const cli_embedded *file = cli_template_c; !there && file->name; file++)
        if (!strcmp(file->name, "flags"))
            text = (const char *)file->data, size = file->size;
    for (const char *end = text + size; text && text < end;) {
        size_t length = strcspn(text, "\n");
        if (length && *text != '#')
            add(words, text, length);
        text += length + (text[length] == '\n');
    }
    free(own);
    return SMALTI_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The .c files of a folder, sorted. */
static smalti_result add_sources(const char *folder, word_list *words, smalti_error *error)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return cli_fail_errno(error, "%s: cannot read the folder", folder);
    size_t first = words->count;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] != '.' && entry->d_name[0] != '-' && length > 2 &&
            !strcmp(entry->d_name + length - 2, ".c"))
            add_text(words, entry->d_name);
    }
    closedir(dir);
    if (words->count == first)
        return cli_fail(error, SMALTI_E_INVALID, "%s holds no kernel's project: no Cargo.toml and no .c file", folder);
    qsort(words->items + first, words->count - first, sizeof *words->items, compare_names);
    return SMALTI_OK;
}

static smalti_result build_c(const char *folder, const char *clang, const char *output, smalti_error *error)
{
    const char *const programs[] = {clang ? clang : "clang-19", "clang-16", "clang-14", "clang"};
    word_list words = {0};
    add_text(&words, programs[0]);
    smalti_result result = read_flags(folder, &words, error);
    if (result == SMALTI_OK)
        result = add_sources(folder, &words, error);
    add_text(&words, "-I.");
    add_text(&words, "-o");
    add_text(&words, output);
    if (result == SMALTI_OK && words.lost)
        result = cli_fail(error, SMALTI_E_NOMEM, "no memory to run clang");
    bool found = false;
    for (size_t i = 0; result == SMALTI_OK && !found && i < (clang ? 1 : CLI_COUNT(programs)); i++) {
        int status;
        char *kept = words.items[0], *program = (char *)programs[i];
        words.items[0] = program;
        found = run_program(words.items, folder, &status, &result, error);
        words.items[0] = kept;
    }
    clear(&words);
    if (result == SMALTI_OK && !found)
        return cli_fail(error, SMALTI_E_IO, "%s is not there: kernels in C need clang and lld",
                        clang ? clang : "clang");
    return result;
}

/* ---- Rust ---- */

/* The package's name in Cargo.toml, as cargo makes a file's name of it. */
static smalti_result crate_name(const char *folder, char name[65], smalti_error *error)
{
    char *path = cli_join(folder, "Cargo.toml"), *text = NULL;
    size_t size;
    if (!path)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a path");
    smalti_result result = cli_read_file(path, 1 << 20, &text, &size, error);
    free(path);
    if (result < 0)
        return result;
    name[0] = 0;
    for (char *line = text; line && !*name; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        sscanf(line, "name = \"%64[A-Za-z0-9_-]\"", name);
    free(text);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : *p;
    return *name ? SMALTI_OK : cli_fail(error, SMALTI_E_INVALID, "%s/Cargo.toml has no name = \"…\"", folder);
}

static smalti_result copy_file(const char *from, const char *to, smalti_error *error)
{
    char *data;
    size_t size;
    smalti_result result = cli_read_file(from, 1 << 28, &data, &size, error);
    if (result < 0)
        return result;
    FILE *file = fopen(to, "wbe");
    bool written = file && fwrite(data, 1, size, file) == size;
    if (file)
        written &= fclose(file) == 0;
    free(data);
    return written ? SMALTI_OK : cli_fail_errno(error, "%s: cannot write", to);
}

static smalti_result build_rust(const char *folder, const char *output, smalti_error *error)
{
    char *const words[] = {"cargo",        "build",  "--release", "--target", "wasm32-unknown-unknown",
                           "--target-dir", "target", NULL};
    char name[65], built[160];
    int status;
    smalti_result result = crate_name(folder, name, error);
    if (result < 0)
        return result;
    if (!run_program(words, folder, &status, &result, error))
        return cli_fail(error, SMALTI_E_IO, "cargo is not there: kernels in Rust need it");
    if (result < 0)
        return result;
    snprintf(built, sizeof built, "target/wasm32-unknown-unknown/release/%s.wasm", name);
    char *from = cli_join(folder, built), *to = cli_join(folder, output);
    result = from && to ? copy_file(from, to, error) : cli_fail(error, SMALTI_E_NOMEM, "no memory for a path");
    free(from);
    free(to);
    return result;
}

/* ---- Either ---- */

smalti_result cli_project_build(const char *folder, const char *clang, char **module, smalti_error *error)
{
    char real[PATH_MAX], output[NAME_MAX + 8];
    if (!realpath(folder, real))
        return cli_fail_errno(error, "%s: cannot find the folder", folder);
    const char *name = strrchr(real, '/') + 1;
    snprintf(output, sizeof output, "%.*s.wasm", NAME_MAX, *name ? name : "kernel");
    char *cargo = cli_join(folder, "Cargo.toml"), *path = cli_join(folder, output);
    smalti_result result = SMALTI_OK;
    smalti_kernel *kernel = NULL;
    if (!cargo || !path)
        result = cli_fail(error, SMALTI_E_NOMEM, "no memory for a path");
    else
        result = access(cargo, F_OK) == 0 ? build_rust(folder, output, error) : build_c(folder, clang, output, error);
    if (result == SMALTI_OK)
        result = smalti_kernel_inspect(path, &kernel, error);
    smalti_kernel_unref(kernel);
    free(cargo);
    if (result == SMALTI_OK)
        *module = path;
    else
        free(path);
    return result;
}

static int run(const cli_arguments *arguments)
{
    char *module;
    smalti_error error;
    const char *folder = arguments->operand_count ? arguments->operands[0] : ".";
    if (cli_project_build(folder, cli_text(arguments, "clang", NULL), &module, &error) < 0)
        return cli_complain(&error);
    puts(module);
    free(module);
    return 0;
}
