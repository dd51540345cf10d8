/* SPDX-License-Identifier: Apache-2.0
 * smalti kernel new: a project from the templates inside the command; it builds and passes its test as it stands. */
#include "cli/cli.h"
#include "cli/embedded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "lang",
     .kind = CLI_CHOICE,
     .placeholder = "LANGUAGE",
     .choices = "c|rust",
     .summary = "c (default; built by clang) or rust (built by cargo)"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_FOLDER,
     .placeholder = "DIR",
     .summary = "folder to make the project in (default: this one)"},
    {0},
};

static const cli_example examples[] = {
    {"From nothing to a filtered photograph:",
     "smalti kernel new glow && smalti kernel test glow && smalti run a.jpg -k glow/glow.wasm -o b.jpg"},
    {0},
};

const cli_command cli_kernel_new = {
    .name = "kernel new",
    .summary = "make a project for a kernel of your own",
    .usage = (const char *const[]){"NAME [OPTION]...", NULL},
    .description =
        "Makes a folder NAME with a small kernel that works, its build options, and all it needs of the SDK; it "
        "stands alone and can be moved anywhere. NAME is lower-case letters, digits and dashes.",
    .options = options,
    .examples = examples,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

static smalti_result check_name(const char *name, smalti_error *error)
{
    size_t length = strlen(name);
    if (length && length <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length)
        return SMALTI_OK;
    return cli_fail(error, SMALTI_E_INVALID,
                    "'%.80s' is no name for a kernel: lower-case letters, digits and dashes, a letter first", name);
}

/* Writes a template's text with the project's name in place of @NAME@. */
static bool write_text(FILE *file, const cli_embedded *template, const char *name)
{
    static const char mark[] = "@NAME@";
    const size_t mark_size = sizeof mark - 1;
    for (size_t at = 0; at < template->size;) {
        const unsigned char *text = template->data + at;
        size_t left = template->size - at, size = 0;
        while (size < left && (left - size < mark_size || memcmp(text + size, mark, mark_size) != 0))
            size++;
        fwrite(text, 1, size, file);
        if (size < left)
            fputs(name, file);
        at += size < left ? size + mark_size : size;
    }
    return !ferror(file);
}

static smalti_result make_folders(char *path, smalti_error *error)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
        if (failed)
            cli_fail_errno(error, "%s: cannot make the folder", path);
        *slash = '/';
        if (failed)
            return SMALTI_E_IO;
    }
    return SMALTI_OK;
}

static smalti_result write_file(const char *folder, const cli_embedded *template, const char *name, smalti_error *error)
{
    char *path = cli_join(folder, template->name);
    if (!path)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a path");
    smalti_result result = make_folders(path, error);
    if (result == SMALTI_OK) {
        FILE *file = fopen(path, "wxe");
        bool written = file && write_text(file, template, name);
        if (file)
            written &= fclose(file) == 0;
        if (!written)
            result = cli_fail_errno(error, "%s: cannot write", path);
    }
    free(path);
    return result;
}

static smalti_result make_project(const char *folder, const char *name, const cli_embedded *files, smalti_error *error)
{
    if (mkdir(folder, 0777) != 0)
        return errno == EEXIST
                   ? cli_fail(error, SMALTI_E_INVALID_CONFLICT, "%s is there already: take another name", folder)
                   : cli_fail_errno(error, "%s: cannot make the folder", folder);
    smalti_result result = SMALTI_OK;
    for (; result == SMALTI_OK && files->name; files++)
        result = write_file(folder, files, name, error);
    return result;
}

static int run(const cli_arguments *arguments)
{
    const char *name = arguments->operands[0], *parent = cli_text(arguments, "output", NULL);
    bool rust = !strcmp(cli_text(arguments, "lang", "c"), "rust");
    smalti_error error;
    if (check_name(name, &error) < 0)
        return cli_complain(&error);
    char *folder = parent ? cli_join(parent, name) : strdup(name);
    int code;
    if (!folder)
        code = cli_exit_code(SMALTI_E_NOMEM);
    else if (make_project(folder, name, rust ? cli_template_rust : cli_template_c, &error) < 0)
        code = cli_complain(&error);
    else {
        printf("%s\n", folder);
        cli_say("made %s; next: smalti kernel test %s", folder, folder);
        code = 0;
    }
    free(folder);
    return code;
}
