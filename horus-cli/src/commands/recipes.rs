//! `horus recipes`.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{FormatArgs, Listing};
use crate::output::table::{Table, left};
use crate::output::{Output, text};
use horus_launch::Search;
use serde_json::json;

/// List the recipes: programs that `horus run` finds by name alone
///
/// A recipe is a folder in $XDG_DATA_HOME/horus/recipes (~/.local/share if that isn't set) that holds a recipe.py or a
/// launch.yaml.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus recipes
  horus recipes --json | jq -r '.items[].name'")]
pub(crate) struct RecipesArgs {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) const SCHEMA: &str = "horus.recipes/1";
pub(crate) const KEYS: &[&str] = &["name", "file"];

pub(crate) fn run(args: RecipesArgs, output: &mut Output) -> Result<Exit, Failure> {
    let search = Search::from_env()?;
    let recipes = search.recipes();
    let mut table = Table::new([left("NAME"), left("FILE")]);
    let mut listing = Listing { schema: SCHEMA, namespace: None, keys: KEYS, items: Vec::new() };
    for recipe in &recipes {
        let file = recipe.file.display().to_string();
        listing.items.extend(json!({"name": recipe.name, "file": file}).as_object().cloned());
        table.row([text::escaped(&recipe.name), text::escaped(&file)]);
    }
    listing.print(args.format.format(), &table, output)?;
    output.flush()?;
    if recipes.is_empty() {
        output.note(&match search.recipes {
            Some(folder) => format!("no recipes in {}", folder.display()),
            None => "no recipes: neither XDG_DATA_HOME nor HOME is set".into(),
        });
    }
    Ok(Exit::Ok)
}
