import { mount } from "../parts/mount";
import { Playground } from "./Playground";
import "../look/source.css";
import "../look/transcript.css";
import "./playground.css";

mount(<Playground />);
