use super::*;

fn parse(args: &[&str]) -> Config {
    Cli::try_parse_from([&["inference"], args].concat())
        .unwrap()
        .serve
}

#[test]
fn the_command_line_is_well_formed() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}

#[test]
fn every_flag_of_serve_is_documented_under_a_heading_and_is_an_environment_variable() {
    use clap::CommandFactory as _;
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    let flags: Vec<_> = serve
        .get_arguments()
        .filter(|flag| !["help", "version"].contains(&flag.get_id().as_str()))
        .collect();
    assert!(flags.len() > 20, "{}", flags.len());
    let mut variables = std::collections::BTreeSet::new();
    for flag in flags {
        let name = flag.get_long().expect("a long flag");
        assert!(flag.get_help_heading().is_some(), "--{name} has no heading");
        assert!(flag.get_help().is_some(), "--{name} has no help");
        let variable = flag.get_env();
        let variable = variable.unwrap_or_else(|| panic!("--{name} has no variable"));
        assert!(variables.insert(variable.to_owned()), "{variable:?} twice");
    }
}

#[test]
fn an_unknown_flag_is_refused_by_every_command() {
    for command in [
        &["inference"][..],
        &["inference", "serve"],
        &["inference", "doctor"],
        &["inference", "bench", "."],
    ] {
        let args = [command, &["--no-such-flag"]].concat();
        assert!(Cli::try_parse_from(args).is_err(), "{command:?}");
    }
}

#[test]
fn serve_is_the_default_command() {
    let cli = Cli::try_parse_from(["inference", "serve", "--states", "3"]).unwrap();
    let Some(Command::Serve(config)) = cli.command else {
        panic!("not serve");
    };
    assert_eq!(config.state_count(false), 3);
    assert_eq!(parse(&["--states", "3"]).state_count(true), 3);
}

#[test]
fn an_unsigned_service_starts_on_loopback_only() {
    let with = |args: &[&str]| {
        let mut config = parse(args);
        config.edge_signing_secrets = None;
        config.check()
    };
    assert_eq!(with(&[]), Err(ConfigError::NoSecrets));
    assert_eq!(with(&["--dev-insecure"]), Ok(()));
    assert_eq!(with(&["--dev-insecure", "--listen", "[::1]:0"]), Ok(()));
    assert!(matches!(
        with(&["--dev-insecure", "--listen", "0.0.0.0:9000"]),
        Err(ConfigError::InsecureInPublic(_))
    ));
}

#[test]
fn a_service_registers_with_an_edge_an_address_and_a_secret_or_not_at_all() {
    let secret = "s".repeat(32);
    let with = |args: &[&str]| {
        let signed = ["--edge-signing-secrets", &secret];
        parse(&[&signed, args].concat()).check()
    };
    let edge = ["--edge-url", "https://Edge.example/"];
    let own = ["--public-url", "https://gpu-1.example"];
    assert_eq!(with(&[edge, own].concat()), Ok(()));
    assert_eq!(parse(&edge).edge_url.unwrap(), "https://edge.example");
    for half in [&edge[..], &own] {
        assert_eq!(with(half), Err(ConfigError::HalfRegistered));
    }
    let mut unsigned = parse(&[&edge[..], &own, &["--dev-insecure"]].concat());
    unsigned.edge_signing_secrets = None;
    assert_eq!(unsigned.check(), Err(ConfigError::HalfRegistered));
    assert_eq!(parse(&["--drain-delay", "0"]).drain_delay, Duration::ZERO);
}

#[test]
fn secrets_are_not_printed() {
    let secret = "s3cr3t".repeat(8);
    let config = parse(&["--edge-signing-secrets", &secret]);
    assert!(config.check().is_ok());
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

#[test]
fn values_out_of_bounds_are_refused() {
    for args in [
        ["--max-file-bytes", "100000001"],
        ["--max-file-bytes", "0"],
        ["--states", "0"],
        ["--header-timeout", "0"],
        ["--header-timeout", "NaN"],
        ["--max-audio-seconds", "inf"],
        ["--piece-seconds", "4"],
        ["--piece-seconds", "29"],
        ["--drain-delay", "-1"],
        ["--drain-delay", "NaN"],
        ["--edge-url", "https://edge.example/path"],
        ["--public-url", "gpu-1.example"],
        ["--heartbeat-interval", "0.1"],
        ["--heartbeat-interval", "61"],
        ["--edge-signing-secrets", "short"],
        ["--device", "cuda:x"],
        ["--model-alias", "a"],
        ["--model-idle-timeout", "0"],
    ] {
        assert!(
            Cli::try_parse_from([&["inference"][..], &args].concat()).is_err(),
            "{args:?}"
        );
    }
}

#[test]
fn a_gpu_gets_long_pieces_and_few_states_unless_told_otherwise() {
    let config = parse(&[]);
    let seconds = |config: &Config, on_gpu| config.longest_piece(on_gpu).as_secs();
    assert_eq!((seconds(&config, false), seconds(&config, true)), (15, 28));
    assert!(config.state_count(true) <= 4);
    let config = parse(&["--piece-seconds", "20"]);
    assert_eq!((seconds(&config, false), seconds(&config, true)), (20, 20));
}

#[test]
fn an_alias_for_a_model_that_is_never_served_is_refused() {
    let with = |args: &[&str]| parse(&[&["--dev-insecure"], args].concat()).check();
    assert_eq!(
        with(&["--model-alias", "fast=tiny.en,slow=tiny.en-q8_0"]),
        Ok(())
    );
    let error = with(&["--model-alias", "fast=base"]).unwrap_err();
    assert!(matches!(error, ConfigError::Aliases(_)), "{error}");
    let on_demand = ["--model-alias", "fast=base", "--models-on-demand", "*"];
    assert_eq!(with(&on_demand), Ok(()));
    assert_eq!(with(&["--model", " ,"]), Err(ConfigError::NoModel));
}

#[test]
fn the_window_is_fitted_where_that_was_validated() {
    for (model, fitted) in [
        ("tiny.en-q8_0", true),
        ("tiny.en", true),
        ("tiny", false),
        ("base-q8_0", false),
        ("large-v3-turbo-q5_0", false),
        ("tiny.english", false),
    ] {
        assert_eq!(FitContext::Auto.applies_to(model), fitted, "{model}");
    }
    assert!(FitContext::On.applies_to("small"));
    assert!(!FitContext::Off.applies_to("tiny"));
}
