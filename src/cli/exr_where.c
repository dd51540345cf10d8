/* SPDX-License-Identifier: Apache-2.0
 * Conditions for --where: compression=="zip" && channels has "depth.Z". A small language of its own: names of fields and
 * attributes, texts, numbers, comparisons, has, like, && || ! and parentheses. */
#include "cli/exr.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 256, DEPTH = 64, NAME = 256 };

typedef enum node_kind { AND, OR, NOT, COMPARE, TRUTH } node_kind;
typedef enum operator_kind { EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, HAS, LIKE } operator_kind;
typedef enum term_kind { NUMBER, TEXT, FIELD, ATTRIBUTE } term_kind;

typedef struct where_term {
    term_kind kind;
    double number;   /* NUMBER; of a FIELD or ATTRIBUTE the index behind it in brackets, -1: none */
    char text[NAME]; /* TEXT; the name of a FIELD or ATTRIBUTE */
} where_term;

typedef struct where_node {
    node_kind kind;
    operator_kind op;
    int a, b; /* nodes */
    where_term left, right;
} where_node;

struct exr_where {
    int root, count;
    where_node nodes[NODES];
};

/* ---- Reading ---- */

typedef struct where_parser {
    const char *text, *at;
    exr_where *where;
    smalti_error *error;
    int depth;
} where_parser;

static int fail(where_parser *parser, const char *what)
{
    cli_fail(parser->error, SMALTI_E_INVALID, "--where: %s at character %zu of '%s'", what,
             (size_t)(parser->at - parser->text) + 1, parser->text);
    return -1;
}

static void skip_space(where_parser *parser)
{
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '/' || c == ':';
}

/* A word, or signs, when they come next. */
static bool take(where_parser *parser, const char *token)
{
    size_t size = strlen(token);
    skip_space(parser);
    if (strncmp(parser->at, token, size) || (is_name(*token) && is_name(parser->at[size])))
        return false;
    parser->at += size;
    return true;
}

static int new_node(where_parser *parser, node_kind kind)
{
    if (parser->where->count == NODES)
        return fail(parser, "too long");
    parser->where->nodes[parser->where->count] = (where_node){.kind = kind};
    return parser->where->count++;
}

static int read_text(where_parser *parser, where_term *term)
{
    char quote = *parser->at++;
    size_t size = 0;
    while (*parser->at && *parser->at != quote) {
        if (*parser->at == '\\' && parser->at[1])
            parser->at++;
        if (size + 1 == NAME)
            return fail(parser, "a text that is too long");
        term->text[size++] = *parser->at++;
    }
    if (!*parser->at)
        return fail(parser, "a text without an end");
    parser->at++;
    term->text[size] = 0;
    return 0;
}

/* [index] behind a name */
static int read_index(where_parser *parser, where_term *term)
{
    term->number = -1;
    if (*parser->at != '[')
        return 0;
    char *end;
    unsigned long index = strtoul(parser->at + 1, &end, 10);
    if (end == parser->at + 1 || *end != ']' || index > 1000000)
        return fail(parser, "an index is not a number");
    term->number = (double)index;
    parser->at = end + 1;
    return 0;
}

static int read_term(where_parser *parser, where_term *term)
{
    skip_space(parser);
    char c = *parser->at;
    if (c == '"' || c == '\'') {
        term->kind = TEXT;
        return read_text(parser, term);
    }
    if (isdigit((unsigned char)c) || ((c == '-' || c == '.') && isdigit((unsigned char)parser->at[1]))) {
        char *end;
        term->kind = NUMBER;
        term->number = strtod(parser->at, &end);
        parser->at = end;
        return is_name(*end) ? fail(parser, "a number is not one") : 0;
    }
    if (c == '@' && (parser->at[1] == '"' || parser->at[1] == '\'')) { /* an attribute of any name */
        term->kind = ATTRIBUTE;
        parser->at++;
        return read_text(parser, term) < 0 ? -1 : read_index(parser, term);
    }
    size_t size = 0;
    while (is_name(parser->at[size]))
        size++;
    if (!size)
        return fail(parser, *parser->at ? "not a name, text or number" : "something is missing");
    if (size >= NAME)
        return fail(parser, "a name that is too long");
    term->kind = FIELD;
    memcpy(term->text, parser->at, size);
    term->text[size] = 0;
    parser->at += size;
    return read_index(parser, term);
}

static int read_or(where_parser *parser);

static int read_comparison(where_parser *parser)
{
    static const struct {
        const char *token;
        operator_kind op;
    } operators[] = {{"==", EQUAL},  {"!=", UNEQUAL}, {"<=", LESS_EQUAL}, {">=", GREATER_EQUAL}, {"<", LESS},
                     {">", GREATER}, {"=", EQUAL},    {"has", HAS},       {"like", LIKE}};
    int index = new_node(parser, TRUTH);
    if (index < 0)
        return -1;
    where_node *node = &parser->where->nodes[index];
    if (read_term(parser, &node->left) < 0)
        return -1;
    for (size_t i = 0; i < CLI_COUNT(operators); i++)
        if (take(parser, operators[i].token)) {
            node->kind = COMPARE;
            node->op = operators[i].op;
            return read_term(parser, &node->right) < 0 ? -1 : index;
        }
    if (node->left.kind == TEXT || node->left.kind == NUMBER)
        return fail(parser, "a comparison is missing");
    return index;
}

static int read_not(where_parser *parser)
{
    if (++parser->depth > DEPTH)
        return fail(parser, "too deep");
    int index;
    skip_space(parser);
    if ((*parser->at == '!' && parser->at[1] != '=' && take(parser, "!")) || take(parser, "not")) {
        int inner = read_not(parser);
        index = inner < 0 ? -1 : new_node(parser, NOT);
        if (index >= 0)
            parser->where->nodes[index].a = inner;
    } else if (take(parser, "(")) {
        index = read_or(parser);
        if (index >= 0 && !take(parser, ")"))
            index = fail(parser, "')' is missing");
    } else {
        index = read_comparison(parser);
    }
    parser->depth--;
    return index;
}

static int read_pairs(where_parser *parser, node_kind kind, const char *sign, const char *word,
                      int (*next)(struct where_parser *))
{
    int index = next(parser);
    while (index >= 0 && (take(parser, sign) || take(parser, word))) {
        int right = next(parser), both = right < 0 ? -1 : new_node(parser, kind);
        if (both >= 0)
            parser->where->nodes[both].a = index, parser->where->nodes[both].b = right;
        index = both;
    }
    return index;
}

static int read_and(where_parser *parser)
{
    return read_pairs(parser, AND, "&&", "and", read_not);
}

static int read_or(where_parser *parser)
{
    return read_pairs(parser, OR, "||", "or", read_and);
}

smalti_result exr_where_parse(const char *text, exr_where **where, smalti_error *error)
{
    exr_where *made = calloc(1, sizeof *made);
    if (!made)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for --where");
    where_parser parser = {.text = text, .at = text, .where = made, .error = error};
    made->root = read_or(&parser);
    skip_space(&parser);
    if (made->root >= 0 && *parser.at)
        made->root = fail(&parser, "something that does not belong there");
    if (made->root < 0) {
        free(made);
        return SMALTI_E_INVALID;
    }
    *where = made;
    return SMALTI_OK;
}

void exr_where_free(exr_where *where)
{
    free(where);
}

/* ---- Values ---- */

typedef struct where_value {
    enum { NOTHING, A_NUMBER, A_TEXT, CHANNELS, LAYERS, AN_ATTRIBUTE } kind;
    double number;
    const char *text;
    size_t size;
    const smalti_exr_attribute *attribute;
} where_value;

typedef struct where_context {
    const exr_where *where;
    const smalti_exr_header *header;
    const smalti_exr_part *part;
    const char *path;
} where_context;

static where_value number_value(double number)
{
    return (where_value){.kind = A_NUMBER, .number = number};
}

static where_value text_value(const char *text, size_t size)
{
    return (where_value){.kind = text ? A_TEXT : NOTHING, .text = text, .size = size};
}

static where_value attribute_value(const smalti_exr_part *part, const where_term *term)
{
    const smalti_exr_attribute *attribute = smalti_exr_attribute_find(part, term->text);
    double numbers[1024];
    smalti_exr_text text;
    if (!attribute)
        return (where_value){0};
    size_t count = smalti_exr_attribute_numbers(attribute, numbers, CLI_COUNT(numbers));
    if (term->number >= 0) {
        size_t index = (size_t)term->number;
        if (index < count && index < CLI_COUNT(numbers))
            return number_value(numbers[index]);
        return smalti_exr_attribute_text(attribute, index, &text) ? text_value(text.data, text.size) : (where_value){0};
    }
    if (count == 1)
        return number_value(numbers[0]);
    if (attribute->type == SMALTI_EXR_TYPE_RATIONAL && count == 2)
        return number_value(numbers[0] / numbers[1]);
    if (attribute->type == SMALTI_EXR_TYPE_STRING && smalti_exr_attribute_text(attribute, 0, &text))
        return text_value(text.data, text.size);
    return (where_value){.kind = AN_ATTRIBUTE, .attribute = attribute};
}

static where_value box_value(const smalti_exr_box *box, const where_term *term)
{
    const int32_t corners[] = {box->min_x, box->min_y, box->max_x, box->max_y};
    return term->number >= 0 && term->number < 4 ? number_value(corners[(int)term->number]) : (where_value){0};
}

static where_value field_value(const where_context *context, const where_term *term)
{
    const smalti_exr_part *part = context->part;
    const char *name = term->text;
    const struct {
        const char *name;
        double number;
    } numbers[] = {
        {"width", exr_width(&part->data_window)},
        {"height", exr_height(&part->data_window)},
        {"channel_count", part->channel_count},
        {"parts", context->header->part_count},
        {"file_bytes", (double)context->header->file_bytes},
        {"header_bytes", (double)context->header->header_bytes},
        {"pixel_bytes", (double)part->pixel_bytes},
        {"chunks", (double)part->chunk_count},
        {"pixel_aspect", (double)part->pixel_aspect},
        {"tiled", part->kind == SMALTI_EXR_TILED || part->kind == SMALTI_EXR_DEEP_TILED},
        {"deep", part->kind == SMALTI_EXR_DEEP_SCANLINE || part->kind == SMALTI_EXR_DEEP_TILED},
        {"tile_width", part->tile_width},
        {"tile_height", part->tile_height},
        {"levels", part->levels_x > part->levels_y ? part->levels_x : part->levels_y},
        {"true", 1},
        {"false", 0},
    };
    for (size_t i = 0; i < CLI_COUNT(numbers); i++)
        if (!strcmp(name, numbers[i].name))
            return number_value(numbers[i].number);
    if (!strcmp(name, "channels"))
        return (where_value){.kind = CHANNELS};
    if (!strcmp(name, "layers"))
        return (where_value){.kind = LAYERS};
    if (!strcmp(name, "name"))
        return text_value(part->name.data, part->name.size);
    if (!strcmp(name, "view"))
        return text_value(part->view.data, part->view.size);
    if (!strcmp(name, "data_window"))
        return box_value(&part->data_window, term);
    if (!strcmp(name, "display_window"))
        return box_value(&part->display_window, term);
    const char *text = !strcmp(name, "compression")  ? smalti_exr_compression_name(part->compression)
                       : !strcmp(name, "type")       ? smalti_exr_kind_name(part->kind)
                       : !strcmp(name, "line_order") ? smalti_exr_line_order_name(part->line_order)
                       : !strcmp(name, "file")       ? context->path
                                                     : NULL;
    return text ? text_value(text, strlen(text)) : attribute_value(part, term);
}

static where_value value_of(const where_context *context, const where_term *term)
{
    switch (term->kind) {
    case NUMBER:
        return number_value(term->number);
    case TEXT:
        return text_value(term->text, strlen(term->text));
    case ATTRIBUTE:
        return attribute_value(context->part, term);
    case FIELD:
        break;
    }
    return field_value(context, term);
}

/* ---- Deciding ---- */

static bool matches(const char *pattern, const char *text, size_t size)
{
    char copy[1024];
    size = size < sizeof copy - 1 ? size : sizeof copy - 1;
    memcpy(copy, text, size);
    copy[size] = 0;
    return !fnmatch(pattern, copy, 0);
}

/* Whether a list has an element like the pattern. Of a text: whether it holds the pattern. */
static bool has(const where_context *context, const where_value *list, const char *pattern)
{
    const smalti_exr_part *part = context->part;
    smalti_exr_text text;
    switch (list->kind) {
    case CHANNELS:
    case LAYERS:
        for (uint32_t i = 0; i < part->channel_count; i++) {
            const smalti_exr_channel *channel = &part->channels[i];
            size_t size = list->kind == CHANNELS ? channel->name_size : exr_layer_bytes(channel);
            if (size && matches(pattern, channel->name, size))
                return true;
        }
        return false;
    case AN_ATTRIBUTE:
        for (size_t i = 0; smalti_exr_attribute_text(list->attribute, i, &text); i++)
            if (matches(pattern, text.data, text.size))
                return true;
        return false;
    case A_TEXT:
        return memmem(list->text, list->size, pattern, strlen(pattern)) != NULL;
    case NOTHING:
    case A_NUMBER:
        break;
    }
    return false;
}

static bool compares(operator_kind op, int order)
{
    switch (op) {
    case EQUAL:
        return order == 0;
    case UNEQUAL:
        return order != 0;
    case LESS:
        return order < 0;
    case LESS_EQUAL:
        return order <= 0;
    case GREATER:
        return order > 0;
    case GREATER_EQUAL:
        return order >= 0;
    default:
        return false;
    }
}

static bool compare(const where_context *context, const where_node *node)
{
    where_value left = value_of(context, &node->left), right = value_of(context, &node->right);
    if (node->op == HAS || node->op == LIKE) {
        if (right.kind != A_TEXT)
            return false;
        char pattern[NAME];
        size_t size = right.size < NAME - 1 ? right.size : NAME - 1;
        memcpy(pattern, right.text, size);
        pattern[size] = 0;
        return node->op == HAS ? has(context, &left, pattern)
                               : left.kind == A_TEXT && matches(pattern, left.text, left.size);
    }
    if (left.kind == A_NUMBER && right.kind == A_NUMBER)
        return node->op == UNEQUAL
                   ? left.number != right.number
                   : left.number == left.number && right.number == right.number &&
                         compares(node->op, (left.number > right.number) - (left.number < right.number));
    if (left.kind == A_TEXT && right.kind == A_TEXT) {
        int order = memcmp(left.text, right.text, left.size < right.size ? left.size : right.size);
        return compares(node->op, order ? order : (left.size > right.size) - (left.size < right.size));
    }
    return node->op == UNEQUAL; /* what is not there, or of another type, is not equal to anything */
}

static bool holds(const where_context *context, int index)
{
    const where_node *node = &context->where->nodes[index];
    switch (node->kind) {
    case AND:
        return holds(context, node->a) && holds(context, node->b);
    case OR:
        return holds(context, node->a) || holds(context, node->b);
    case NOT:
        return !holds(context, node->a);
    case COMPARE:
        return compare(context, node);
    case TRUTH:
        break;
    }
    where_value value = value_of(context, &node->left);
    return value.kind == A_NUMBER ? value.number != 0 : value.kind != NOTHING;
}

bool exr_where_holds(const exr_where *where, const smalti_exr_header *header, const char *path)
{
    where_context context = {.where = where, .header = header, .path = path};
    for (uint32_t i = 0; where && i < header->part_count; i++) {
        context.part = &header->parts[i];
        if (holds(&context, where->root))
            return true;
    }
    return !where;
}
